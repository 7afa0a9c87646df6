"""An export that is killed, or meets a disk that fails, is full or refuses: the target has all or nothing."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.evidence import Case, export_case
from audit_lab.evidence.export_folder import FOLDER_PREFIX
from audit_lab.verifier import examine_bundle

BUNDLE = "INC-1.zip"
#: Where the name is given, and after: every line of these is tried every day, of the others a few.
LAST_LINES, OTHERS = 14, 6


def made_case(folder):
    log = SimpleNamespace(origin="flights.example", path=Path("flights"), manifest_sha256="ab" * 32, checkpoint=None)
    case = Case.create("INC-1", log, question="Why?", actor="jane", purpose="c", folder=folder)
    rows = case.keep(pl.DataFrame({"carrier": ["AA", "US"], "rows": [10, 0]}), "Rows by carrier")
    case.finding("US vanished", [rows], "high")
    return case


class Exporter:
    """Exports one case into one folder, in children that can be killed."""

    def __init__(self, folder):
        self.out, self.temporary = folder / "out", folder / "tmp"
        self.temporary.mkdir()
        script = str(Path(__file__).with_name("exporting_process.py"))
        self._process = subprocess.Popen(
            [sys.executable, script, str(made_case(folder / "cases").folder), str(self.out)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(self.temporary)},
        )

    def export(self, kill_at=None, *, overwrite=False):
        self._process.stdin.write(json.dumps({"kill_at": kill_at, "overwrite": overwrite}).encode() + b"\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        assert said["status"] == (0 if kill_at is None else signal.SIGKILL), said
        return said

    def end(self):
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def exporter(tmp_path_factory):
    made = Exporter(tmp_path_factory.mktemp("exporter"))
    yield made
    made.end()


def swept(exporter, trust, chosen, *, overwrite):
    """Kill exports at the chosen lines, and return the places at which the target had the bundle, and had it not."""
    whole, nothing, left = set(), set(), False
    out = exporter.out
    shutil.rmtree(out, ignore_errors=True)
    lines, earlier = exporter.export()["lines"], b"an earlier bundle"
    if overwrite:
        lines = exporter.export(overwrite=True)["lines"]
    for number in chosen(lines):
        shutil.rmtree(out)
        if overwrite:
            out.mkdir()
            (out / BUNDLE).write_bytes(earlier)
        where = exporter.export(number, overwrite=overwrite)["where"]
        out.mkdir(exist_ok=True)
        found = {path.name: path for path in out.iterdir()}
        bundle = found.pop(BUNDLE, None)
        hidden = [name.startswith(f".{BUNDLE}.") and name.endswith(".tmp") for name in found]
        assert hidden in ([], [True] * overwrite), (where, found)
        if bundle is None or bundle.read_bytes() == earlier:
            assert (bundle is not None) is overwrite, where
            nothing.add(where)
        else:
            assert examine_bundle(bundle, trust).holds, where
            whole.add(where)
        if hidden and not left:
            left = True
            exporter.export(overwrite=True)  # removes what is hidden
            assert [path.name for path in out.iterdir()] == [BUNDLE]
        assert all(path.name.startswith(FOLDER_PREFIX) for path in exporter.temporary.iterdir())
    assert left is overwrite  # killed between its hidden name and its own
    return whole, nothing


def some(lines):
    """Return the lines of every day."""
    others = random.Random(7).sample(range(1, lines - LAST_LINES), OTHERS)
    return [*others, *range(lines - LAST_LINES, lines + 1)]


def test_killed_at_any_line_the_target_has_the_bundle_or_nothing(exporter, trust):
    whole, nothing = swept(exporter, trust, some, overwrite=False)
    assert whole
    assert nothing


@pytest.mark.soak
@pytest.mark.parametrize("overwrite", [False, True])
def test_killed_at_each_line_the_target_has_the_bundle_or_what_it_had(exporter, trust, overwrite):
    whole, nothing = swept(exporter, trust, lambda lines: range(1, lines + 1), overwrite=overwrite)
    assert len(whole) > 3
    assert len(nothing) > 50


# --- disks --------------------------------------------------------------------------------------------------


PROGRAM = """
import os, sys
from pathlib import Path
from audit_lab.errors import AuditLabError
from audit_lab.evidence import Case, export_case
from audit_lab.seal.keys import SigningKey
try:
    export_case(Case.open({case!r}), Path({place!r}), key=SigningKey.generate("k"))
except AuditLabError as error:
    print(error.message)
print(os.listdir({place!r}))
"""


@pytest.mark.parametrize(
    ("options", "said"), [("size=16k", "No space left on device"), ("ro", "Read-only file system")]
)
def test_a_disk_that_is_full_or_refuses(tmp_path, options, said):
    place = tmp_path / "disk"
    place.mkdir()
    case = made_case(tmp_path / "cases")
    program = PROGRAM.format(case=str(case.folder), place=str(place))
    mount = f"mount -t tmpfs -o {options} none {place}"
    walls = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*walls, mount], check=False, capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    command = [*walls, f'{mount} && exec "$0" -c "$1"', sys.executable, program]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == [f"The bundle {place / BUNDLE} cannot be written ({said})", "[]"]
    assert "exported" not in [line.action for line in Case.open(case.folder).custody]


def test_a_temporary_folder_that_is_full_is_said_to_be(tmp_path, key, monkeypatch):
    case = made_case(tmp_path / "cases")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("audit_lab.evidence.export_folder.Path.write_text", full)
    with pytest.raises(AuditLabError) as caught:
        export_case(case, tmp_path / "out", key=key)
    assert caught.value.message == f"The temporary folder {temporary} has no room left (No space left on device)"
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / "out").exists()


def test_a_disk_that_fails_is_said_to(tmp_path, key, monkeypatch):
    case = made_case(tmp_path / "cases")

    def fail(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(AuditLabError, match=r"INC-1\.zip cannot be written \(Input/output error\)"):
        export_case(case, tmp_path / "out", key=key)
    assert list((tmp_path / "out").iterdir()) == []


def test_of_two_exports_at_once_one_wins_whole_and_the_other_is_refused(tmp_path, key, trust, monkeypatch):
    first, second = made_case(tmp_path / "first"), made_case(tmp_path / "second")
    won = []

    def meanwhile(*given, **how):
        if not won:
            won.append(None)
            won[0] = export_case(second, tmp_path / "out", key=key).read_bytes()
        return examine(*given, **how)

    import audit_lab.evidence.export as exporting

    examine = exporting.examine_archive
    monkeypatch.setattr(exporting, "examine_archive", meanwhile)
    with pytest.raises(MisuseError, match="There is a bundle already"):
        export_case(first, tmp_path / "out", key=key)
    (bundle,) = (tmp_path / "out").iterdir()
    assert bundle.read_bytes() == won[0]
    assert examine_bundle(bundle, trust).holds
    assert [[line.action for line in case.custody].count("exported") for case in (first, second)] == [0, 1]
