"""A re-run sees the log as the case saw it: what was sealed since, and files that were rewritten, change nothing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import audit_lab as al
from audit_lab.errors import IntegrityError
from audit_lab.evidence import export_notebook
from audit_lab.evidence.generated import notebook_bytes, parsed_step
from audit_lab.evidence.rerun.log_view import as_it_was
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.seal.entry_kinds import HeartbeatEntry
from audit_lab.seal.trust import format_trust
from tests.log.small_sealed_log import SEALED_ORIGIN, SealedLog, make, some_inputs, some_predictions

ABOUT = {"id": "INC-3", "question": "Whole?", "actor": "jane", "purpose": "complaint"}


@pytest.fixture(scope="module")
def sealed(tmp_path_factory, key, trust):
    """Export a generated notebook about a small sealed log; return the log, the bundle and its trust file."""
    folder = tmp_path_factory.mktemp("grown")
    log = make(folder)
    (folder / "notebook").mkdir()
    (folder / "trust.toml").write_text(format_trust(trust.keys))
    al.open(log.folder).verify()  # so that the user remembers it, and a stranger does not

    def exported(name, *steps):
        story = folder / "notebook" / f"{name}.ipynb"
        story.write_bytes(notebook_bytes(ABOUT, "../log", [parsed_step(text) for text in steps]))
        return export_notebook(story, folder / f"{name}.zip", key=key)

    whole, plain = exported("whole", "verify", "decision:p-002"), exported("plain", "decision:p-002")
    return SimpleNamespace(log=log, bundle=whole, plain=plain, trust=folder / "trust.toml")


@pytest.fixture
def own(sealed, tmp_path) -> SealedLog:
    """Return a copy of the log that may be changed."""
    return sealed.log.copy(tmp_path)


def again(sealed, log):
    return al.verify(sealed.bundle, sealed.trust, rerun=True, log=log.folder)


def grow(own):
    with own.writer() as writer:
        writer.append({"predictions": some_predictions(90, 95), "inputs/loans": some_inputs(90, 95)})


def test_a_log_that_grew_since_is_seen_as_it_was_also_by_what_verifies_it(sealed, own):
    before = al.open(own.folder)
    grow(own)
    after = al.open(own.folder)
    assert (after.manifest_sha256, after.checkpoint) != (before.manifest_sha256, before.checkpoint)
    report = again(sealed, own)
    assert [cell.verdict for cell in report.cells] == ["reproduced"] * 4
    assert report.findings == ()


def test_what_came_later_and_what_a_link_leads_to_are_not_in_the_folder_of_then(sealed, own, tmp_path):
    (tmp_path / "secret").write_text("kept")
    (tmp_path / "scratch").mkdir()
    pinned = al.open(own.folder).checkpoint
    before = {path.relative_to(own.folder).as_posix() for path in own.folder.rglob("*") if path.is_file()}
    assert as_it_was(own.folder, pinned, tmp_path / "scratch") is None  # it is so now
    grow(own)
    (own.folder / "events" / "link.parquet").symlink_to(tmp_path / "secret")
    view = as_it_was(own.folder, pinned, tmp_path / "scratch")
    assert {name for name in view if not name.startswith("tile/")} == {
        name for name in before if not name.startswith("tile/")
    }
    assert view["checkpoint"].read_text() == pinned


def test_what_is_asked_of_rows_is_the_same_after_compaction(sealed, own):
    grow(own)
    with own.writer() as writer:
        assert writer.compact()
    assert not set(sealed.log.files("predictions")) & set(own.state.files["predictions"])
    report = al.verify(sealed.plain, sealed.trust, rerun=True, log=own.folder)
    assert [cell.verdict for cell in report.cells] == ["reproduced"] * 3


def test_another_history_of_the_same_log_is_not_taken(sealed, own):
    at = own.entries[-1].sealed_at
    without_last(own)
    own.seal_more(HeartbeatEntry(origin=SEALED_ORIGIN, sealed_at=at))
    with pytest.raises(IntegrityError, match=r"rerun\.other-log.*(no longer matches|cannot be opened)"):
        again(sealed, own)


def test_a_log_that_lost_its_end_is_not_taken(sealed, own):
    without_last(own)
    with pytest.raises(IntegrityError, match=r"rerun\.other-log.*cannot be opened at the case's checkpoint"):
        again(sealed, own)


def without_last(log):
    """Build the tree of a log anew without its last entry, as somebody who has its key can."""
    last = LogTree(LocalStorage(log.folder)).entries()[-1]
    log.seal_again(lambda entry: None if entry.to_bytes() == last else entry)
