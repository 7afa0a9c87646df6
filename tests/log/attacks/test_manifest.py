"""Attack 7: the manifest is edited. It is only a shortcut, so nothing in it is believed."""

from __future__ import annotations

import json

import pytest

from audit_lab.seal.checkpoint import parse_checkpoint


def edit(sealed_log, change):
    path = sealed_log.folder / "manifest.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")


def segments(document):
    return document["tables"]["predictions"]["segments"]


def differs(sealed_log):
    report = sealed_log.report()
    assert report.verdict == "FAILED"
    ((code, file, meaning),) = [(each.code, each.file, each.meaning) for each in report.findings]
    assert (code, file) == ("log.manifest-differs", "manifest.json")
    return meaning


def test_clean_log_holds(sealed_log):
    assert sealed_log.found() == set()
    edit(sealed_log, lambda document: None)
    assert sealed_log.found() == set()


def test_hidden_segment_is_named(sealed_log):
    path = sealed_log.files("predictions")[1]
    edit(sealed_log, lambda document: segments(document).pop(1))
    assert differs(sealed_log) == f"it leaves out {path} of predictions"


def test_hidden_table_is_named(sealed_log):
    (path,) = sealed_log.files("approvals")
    edit(sealed_log, lambda document: document["tables"].pop("approvals"))
    assert differs(sealed_log) == f"it leaves out {path} of approvals"


def test_added_segment_is_named(sealed_log):
    edit(
        sealed_log,
        lambda document: segments(document).append({**segments(document)[0], "path": "predictions/x.parquet"}),
    )
    assert differs(sealed_log) == "it lists predictions/x.parquet of predictions, which no entry speaks of"


@pytest.mark.parametrize(
    ("member", "value"),
    [("rows", 11), ("size_bytes", 1), ("sha256", "0" * 64), ("first_time", None), ("holds", [])],
)
def test_changed_member_is_named(sealed_log, member, value):
    path = sealed_log.files("predictions")[0]
    edit(sealed_log, lambda document: segments(document)[0].update({member: value}))
    assert differs(sealed_log) == f"it states another {member} of {path} of predictions"


def test_renamed_table_is_named(sealed_log):
    def rename(document):
        document["tables"]["outcomes"] = document["tables"].pop("approvals")

    edit(sealed_log, rename)
    assert "it leaves out" in differs(sealed_log)


@pytest.mark.parametrize("member", ["origin", "description", "notes"])
def test_changed_identity_is_named(sealed_log, member):
    edit(sealed_log, lambda document: document.update({member: ["x"] if member == "notes" else "x"}))
    assert differs(sealed_log) == f"it states another {member} than was sealed"


def test_other_root_at_the_same_size_is_named(sealed_log):
    edit(sealed_log, lambda document: document["tree"].update(root="0" * 64))
    assert differs(sealed_log) == "it states another tree than was sealed"


def test_other_bytes_of_the_same_content_are_told(sealed_log):
    path = sealed_log.folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1))
    report = sealed_log.report()
    assert report.findings == ()
    assert "manifest.json says what the entries lead to, in other bytes than a writer's" in report.checked


def test_manifest_of_a_later_state_means_that_the_checkpoint_was_put_back(sealed_log):
    edit(sealed_log, lambda document: document["tree"].update(size=25))
    assert sealed_log.found() == {"log.rolled-back"}


def test_manifest_that_lags_behind_is_only_told(sealed_log):
    content = (sealed_log.folder / "manifest.json").read_bytes()
    with sealed_log.writer() as writer:
        writer.heartbeat()
    assert parse_checkpoint((sealed_log.folder / "checkpoint").read_bytes()).checkpoint.size == 22
    (sealed_log.folder / "manifest.json").write_bytes(content)
    report = sealed_log.report()
    assert report.findings == ()
    assert any("is that of the first 21 entries" in note for note in report.notes)


def test_lagging_manifest_that_was_also_edited_is_a_finding(sealed_log):
    edit(sealed_log, lambda document: segments(document).pop(1))
    content = (sealed_log.folder / "manifest.json").read_bytes()
    with sealed_log.writer() as writer:
        writer.heartbeat()
    (sealed_log.folder / "manifest.json").write_bytes(content)
    assert sealed_log.found() == {"log.manifest-differs"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "log.manifest-missing"),
        (b"", "json.not-json"),
        (b'{"a":1,"a":2}', "json.duplicate-member"),
        (b"[" * 100_000, "json.too-deep"),
        (b"\xff", "json.not-utf8"),
        (b"[]", "log.manifest-differs"),
        (b'{"tables":{"predictions":{"segments":[1,{"path":7}]}}}', "log.manifest-differs"),
    ],
)
def test_what_is_no_manifest_is_refused(sealed_log, content, code):
    path = sealed_log.folder / "manifest.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert sealed_log.found() == {code}
