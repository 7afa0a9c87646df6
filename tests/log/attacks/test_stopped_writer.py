"""Attack 30, seen from the verifier: what a stopped writer leaves is no tampering, and half a seal is no seal."""

from __future__ import annotations

import shutil

import pytest

from audit_lab.log.files.disk import LocalDisk
from audit_lab.log.integrity import examine_log


class StopError(Exception):
    """The process ends here."""


@pytest.fixture
def stop_before(monkeypatch):
    """Return a function that lets an append run until a file of some name would be put into its place, and no further.

    From then on the disk carries nothing out any more, as if the process had been killed: nobody tidies up.
    """
    whole = {name: getattr(LocalDisk, name) for name in ("rename", "unlink", "open_new", "write", "make_folder")}
    stopped = []

    def arm(ending):
        stopped.clear()

        def stopping(name):
            def operation(disk, *arguments):
                if ending is not None and (stopped or (name == "rename" and arguments[1].endswith(ending))):
                    stopped.append(name)
                    raise StopError
                return whole[name](disk, *arguments)

            return operation

        for name in whole:
            monkeypatch.setattr(LocalDisk, name, stopping(name))

    return arm


def append(log, small_log, first, count=5, **tables):
    log.clock.now = small_log.BEGAN + small_log.timedelta(hours=1, minutes=first)
    with log.writer() as writer:
        writer.append({"predictions": small_log.some_predictions(first, first + count), **tables})


STEPS = [
    ".parquet",
    ".leaves",
    "tile/entries/000.p/25",
    "tile/0/000.p/25",
    "checkpoints/025",
    "/checkpoint",
    "manifest.json",
]


@pytest.mark.parametrize("step", STEPS)
def test_log_of_a_writer_that_was_stopped_holds_then_and_after_it_went_on(sealed_log, small_log, stop_before, step):
    both = {"inputs/loans": small_log.some_inputs(30, 35)}
    stop_before(step)
    with pytest.raises(StopError):
        append(sealed_log, small_log, 30, **both)
    stop_before(None)
    report = sealed_log.report(remembered=False)
    assert report.findings == ()
    sealed = step == "manifest.json"
    assert f"{25 if sealed else 21} entries lead to the root" in report.checked[0]
    # Another writer goes on, with seals of other sizes.
    with sealed_log.writer() as writer:
        writer.heartbeat()
    assert sealed_log.found(remembered=False) == set()
    append(sealed_log, small_log, 50)
    append(sealed_log, small_log, 60)
    assert sealed_log.found(remembered=False) == set()


def test_files_of_a_seal_that_never_was_are_told(sealed_log, small_log, stop_before):
    stop_before("/checkpoint")
    with pytest.raises(StopError):
        append(sealed_log, small_log, 30)
    stop_before(None)
    report = sealed_log.report()
    assert any(note.startswith("no entry speaks of predictions/") for note in report.notes)
    assert report.findings == ()


def test_log_cut_off_anywhere_in_its_making_never_verifies_as_whole(sealed_log, tmp_path):
    """Copying a log is not atomic: a copy that lacks any one of its files is named as such."""
    needed = [
        path.relative_to(sealed_log.folder).as_posix()
        for path in sealed_log.folder.rglob("*")
        if path.is_file() and not path.is_relative_to(sealed_log.folder / "index") and path.name != ".lock"
    ]
    for number, name in enumerate(sorted(needed)):
        if name.startswith("checkpoints/") and not name.endswith("021"):
            continue
        copy = tmp_path / str(number)
        shutil.copytree(sealed_log.folder, copy)
        (copy / name).unlink()
        report = examine_log(copy, rows=False, remembered=False)
        assert report.findings, name
        assert not report.holds
