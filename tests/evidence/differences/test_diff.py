"""One change in a bundle gives that change, in its part, and no other."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError
from audit_lab.seal.custody import NO_LINE, CustodyLine
from audit_lab.seal.digests import format_manifest, sha256
from audit_lab.seal.sign_off import SignOff, sign_off_envelope
from audit_lab.seal.trust import Trust, TrustedKey
from audit_lab.verifier.bundle import opened
from audit_lab.verifier.sign_offs import sign_off_name
from tests.verifier.conftest import KEY, STRANGER, Bundle, investigation

TRUST = Trust((TrustedKey(KEY.public, "investigator", "*"), TrustedKey(STRANGER.public, "sign-off", "*")), "the test's")
CHECKPOINT = "flights\n7\nAAAA\n"


def parquet(**columns):
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


def cell(source, *outputs, kind="code"):
    streams = [{"output_type": "stream", "name": "stdout", "text": text} for text in outputs]
    return {"cell_type": kind, "source": source, "outputs": streams, "execution_count": 3, "metadata": {}}


class Story:
    """A case whose parts a test changes, and the bundle of it."""

    def __init__(self):
        self.case = {"id": "INC-1", "question": "Why?", "actor": "jane", "purpose": "complaint"}
        self.log = {"origin": "flights", "manifest_sha256": "ab" * 32, "checkpoint": CHECKPOINT}
        self.exhibits = [
            ("Rows by carrier", {"table.parquet": parquet(carrier=["AA", "US"], rows=[10, 0]), "table.csv": b"x"}),
            ("Replay", {"replay.json": b'{"verdict":"EXACT","score":0.5}'}),
        ]
        self.findings = [{"id": "F1", "claim": "US vanished", "confidence": "high", "supported_by": []}]
        self.more = {"conclusion": "It merged."}
        self.cells = [cell("# The story", kind="markdown"), cell("1 + 1", "2\n"), cell("show()", "a\nb\n")]
        self.environment = {"python": "3.11.7", "packages": {"polars": "1.40.0", "shap": "0.51.0"}}
        self.models = {"models": [{"model_name": "delay", "model_version": "3"}]}
        self.acts = ["created", "kept", "concluded"]
        self.day = "2026-01-01"
        self.signed_at = "2026-01-02T00:00:00.000000Z"
        self.key = KEY
        self.files = {}
        self.sign_off = None

    def bundle(self):
        made = Bundle()
        made.payload = {name: text for name, text in made.payload.items() if "exhibits" not in name}
        listed = []
        for number, (title, files) in enumerate(self.exhibits, start=1):
            digests = {name: sha256(content) for name, content in files.items()}
            name = sha256(format_manifest(digests))
            entries = []
            for file, content in sorted(files.items()):
                path = f"exhibits/{number:03}-{name[:12]}-x/{file}"
                made.payload[f"data/{path}"] = content
                entries.append({"name": file, "path": path, "sha256": digests[file]})
            about = {"kind": "table", "note": "", "query": "", "models": [], "kept_at": f"{self.day}T00:00:09.000000Z"}
            about["kept_by"] = "jane"
            listed.append({"id": name, "number": number, "title": title, **about, "files": entries})
        said = {**investigation(), "case": self.case, "log": self.log, "exhibits": listed, "findings": self.findings}
        notebook = json.dumps({"cells": self.cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
        page = f'<meta name="audit-lab-notebook-sha256" content="{sha256(notebook)}">'.encode()
        lines, previous = [], NO_LINE
        kept = [("exhibit kept", each["id"]) for each in listed]
        for number, (act, subject) in enumerate([*((act, "x") for act in self.acts), *kept], start=1):
            at = f"{self.day}T00:00:0{number if subject == 'x' else 9}.000000Z"
            lines.append(CustodyLine(number, at, "jane", act, subject, "complaint", previous))
            previous = lines[-1].digest
        made.payload |= {
            "data/investigation.json": json.dumps({**said, **self.more}).encode(),
            "data/notebook/investigation.ipynb": notebook,
            "data/notebook/investigation.html": page,
            "data/environment/environment.json": json.dumps(self.environment).encode(),
            "data/models/digests.json": json.dumps(self.models).encode(),
            "data/custody.jsonl": b"".join(line.to_bytes() + b"\n" for line in lines),
            **self.files,
        }
        attested = replace(made.predicate.notebook, executed_sha256=sha256(notebook), html_sha256=sha256(page))
        made.key = self.key
        made.attest(
            case_id=self.case["id"],
            question=self.case["question"],
            log_checkpoint=self.log["checkpoint"],
            notebook=attested,
            custody_lines=len(lines),
            custody_head=previous,
            signed_at=self.signed_at,
            signer=self.key.name,
        )
        files = made.files()
        if self.sign_off is not None:
            digest = sha256(files["attestation.dsse.json"])
            texts = ("Rita", "reviewer", "reviewed", self.sign_off, "2026-01-03T00:00:00.000000Z", STRANGER.name)
            envelope = sign_off_envelope(SignOff(digest, "INC-1", *texts), "attestation.dsse.json", STRANGER)
            files[sign_off_name("reviewed", STRANGER.public)] = envelope
        return made.archive(files)


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    path = tmp_path_factory.mktemp("before") / "before.zip"
    path.write_bytes(Story().bundle())
    return path


@pytest.fixture
def compared(before, tmp_path):
    """Return a function that changes the story, exports it, and compares it with the first."""

    def compare(change):
        story = Story()
        change(story)
        path = tmp_path / "after.zip"
        path.write_bytes(story.bundle())
        return al.diff(before, path, TRUST)

    return compare


def setting(name, value):
    return lambda story: setattr(story, name, value)


def table(**columns):
    def change(story):
        story.exhibits[0] = ("Rows by carrier", {"table.parquet": parquet(**columns), "table.csv": b"y"})

    return change


def exhibit(title, **files):
    content = {name.replace("_", "."): text for name, text in files.items()}
    return lambda story: story.exhibits.append((title, content))


def cells(*changed):
    return lambda story: setattr(story, "cells", list(changed))


SIGN_OFF = sign_off_name("reviewed", STRANGER.public)
FIRST, SECOND, THIRD = Story().cells

#: What is changed, and what must be told: part, what and name, then the details.
CHANGES = {
    "question": (lambda s: s.case.update(question="How?"), "question", "question changed: Why? -> How?", ()),
    "scope": (lambda s: s.case.update(scope={"model": "delay"}), "scope", 'scope added: {"model": "delay"}', ()),
    "purpose": (lambda s: s.case.update(purpose="x"), "scope", "purpose changed: complaint -> x", ()),
    "checkpoint": (
        lambda s: s.log.update(checkpoint="flights\n9\nBBBB\n"),
        "checkpoint",
        "checkpoint changed: size 7, root AAAA -> size 9, root BBBB",
        (),
    ),
    "value": (
        table(carrier=["AA", "US"], rows=[10, 3]),
        "exhibits",
        "exhibit 1, Rows by carrier changed",
        ("table.parquet: row 2, rows: 0 -> 3",),
    ),
    "rows": (
        table(carrier=["AA", "US", "DL"], rows=[10, 0, 4]),
        "exhibits",
        "exhibit 1, Rows by carrier changed",
        ("table.parquet: 2 rows -> 3 rows", "table.parquet: row only after: ('DL', 4)"),
    ),
    "column": (
        table(carrier=["AA", "US"], rows=[10.0, 0.0], late=[1, 2]),
        "exhibits",
        "exhibit 1, Rows by carrier changed",
        (
            "table.parquet: column rows: Int64 -> Float64",
            "table.parquet: column late added",
            "table.parquet: row 1, rows: 10 -> 10.0",
            "table.parquet: row 2, rows: 0 -> 0.0",
        ),
    ),
    "title": (
        lambda s: s.exhibits.__setitem__(1, ("Replayed", s.exhibits[1][1])),
        "exhibits",
        "exhibit 2, Replayed changed",
        ("title changed: Replay -> Replayed",),
    ),
    "JSON": (
        lambda s: s.exhibits.__setitem__(1, ("Replay", {"replay.json": b'{"verdict":"DIVERGED","score":0.5}'})),
        "exhibits",
        "exhibit 2, Replay changed",
        ("replay.json: verdict changed: EXACT -> DIVERGED",),
    ),
    "exhibit added": (exhibit("Drift", drift_json=b"{}"), "exhibits", "exhibit 3, Drift added", ()),
    "exhibit removed": (lambda s: s.exhibits.pop(), "exhibits", "exhibit 2, Replay removed", ()),
    "finding": (lambda s: s.findings[0].update(confidence="low"), "findings", "F1.confidence changed: high -> low", ()),
    "conclusion": (
        lambda s: s.more.update(conclusion="No."),
        "conclusion",
        "conclusion changed: It merged. -> No.",
        (),
    ),
    "actions": (
        lambda s: s.more.update(actions=[{"id": "A1", "what": "retrain"}]),
        "actions",
        'A1 added: {"id": "A1", "what": "retrain"}',
        (),
    ),
    "source": (
        cells(FIRST, cell("1 + 1.0", "2\n"), THIRD),
        "notebook",
        "source of cell 2 (code) changed",
        ("-1 + 1", "+1 + 1.0"),
    ),
    "output": (
        cells(FIRST, SECOND, cell("show()", "a\nc\n")),
        "notebook",
        "output of cell 3 (code) changed",
        ("-b", "+c"),
    ),
    "cell added": (cells(FIRST, SECOND, THIRD, cell("x")), "notebook", "cell 4 (code) added: x", ()),
    "cell removed": (cells(SECOND, THIRD), "notebook", "cell 1 (markdown) removed: # The story", ()),
    "package": (
        lambda s: s.environment["packages"].update(shap="0.52.0"),
        "environment",
        "packages.shap changed: 0.51.0 -> 0.52.0",
        (),
    ),
    "model": (
        lambda s: s.models["models"][0].update(model_version="4"),
        "models",
        "models[0].model_version changed: 3 -> 4",
        (),
    ),
    "custody": (
        setting("acts", ["created", "kept", "kept", "concluded"]),
        "custody",
        "line 2 added: jane kept x (complaint)",
        (),
    ),
    "sign-off": (
        setting("sign_off", "read all"),
        "sign-offs",
        f"{SIGN_OFF} added: reviewed by Rita, reviewer, at 2026-01-03T00:00:00.000000Z: read all",
        (),
    ),
    "proven rows": (
        lambda s: s.files.update({"data/rows/log/predictions.parquet": parquet(a=[1])}),
        "rows",
        "data/rows/log/predictions.parquet added",
        (),
    ),
    "another file": (lambda s: s.files.update({"data/notes.txt": b"x"}), "other files", "data/notes.txt added", ()),
    "a page": (lambda s: s.files.update({"data/README.html": b"x"}), "pages", "data/README.html changed", ()),
    "a lock that the environment does not explain": (
        lambda s: s.files.update({"data/environment/requirements.txt": b"evil==1"}),
        "other files",
        "data/environment/requirements.txt (other bytes; what differs in what it says was not found) changed",
        (),
    ),
    "a document written otherwise": (
        lambda s: s.files.update({"data/models/digests.json": json.dumps(s.models, indent=1).encode()}),
        "other files",
        "data/models/digests.json (other bytes; what differs in what it says was not found) changed",
        (),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_one_change_is_told_in_its_part_and_nothing_else_is(compared, name):
    change, part, told, details = CHANGES[name]
    found = compared(change)
    pages = [each for each in found.changes if each.part == "pages"]
    kept = [each for each in found.changes if each.part == "custody"]  # says of each exhibit that it was kept
    (only,) = [each for each in found.changes if each.part not in {"pages", "custody"}] or kept or pages
    assert (only.part, str(only), only.details) == (part, told, details)
    assert found.before.verdict == "UNANCHORED"
    assert found.after.verdict == ("FAILED" if part == "rows" else "UNANCHORED")
    assert not found.equal


def test_a_bundle_does_not_differ_from_itself(before, tmp_path):
    (tmp_path / "copy.zip").write_bytes(before.read_bytes())
    found = al.diff(before, tmp_path / "copy.zip", TRUST)
    assert (found.equal, found.only_times, found.changes) == (True, True, ())
    assert [each.split(":")[0] for each in found.not_compared] == ["Pages are compared by their digests"]


def test_two_runs_of_one_case_differ_in_times_only(compared):
    def later(story):
        story.day, story.signed_at = "2026-01-04", "2026-01-05T00:00:00.000000Z"
        story.files["data/README.html"] = b"<p>signed on 5 January</p>"

    found = compared(later)
    assert [(each.part, each.name) for each in found.changes] == [
        ("times", "exhibit 1 kept"),
        ("times", "exhibit 2 kept"),
        ("times", "custody from line 1 on"),
        ("times", "signed"),
        ("pages", "data/README.html"),
    ]
    assert (found.equal, found.only_times) == (False, True)


def test_another_signer_is_told_and_is_not_trusted(compared):
    found = compared(setting("key", STRANGER))
    assert [(each.part, each.name) for each in found.changes] == [("signature", "key_ids[0]"), ("signature", "signer")]
    assert (found.after.verdict, found.after.findings) == ("FAILED", ("signature.key-not-trusted",))


def test_what_was_tampered_with_is_compared_as_it_is(before, tmp_path):
    with opened(before) as (container, _):
        files = {name: b"".join(container.chunks(name)) for name in container.names}
    (table_file,) = [name for name in files if name.endswith(".parquet")]
    files[table_file] = parquet(carrier=["AA", "US"], rows=[10, 9])
    (tmp_path / "after.zip").write_bytes(Bundle().archive(files))
    found = al.diff(before, tmp_path / "after.zip", TRUST)
    assert [(each.part, each.name, each.details) for each in found.changes] == [
        ("exhibits", table_file, ("row 2, rows: 0 -> 9",))
    ]
    assert found.after.findings == ("bundle.file-changed",)


def test_a_bundle_of_a_refused_shape_is_not_compared(before, tmp_path):
    (tmp_path / "evil.zip").write_bytes(Bundle().zipped([("../evil", b"x")]))
    with pytest.raises(MisuseError, match=r"archive\.path-escape in \.\./evil"):
        al.diff(before, tmp_path / "evil.zip", TRUST)
    with pytest.raises(MisuseError, match="cannot be read"):
        al.diff(before, tmp_path / "none.zip", TRUST)


def test_an_unpacked_bundle_is_compared_with_its_archive(before, tmp_path):
    with zipfile.ZipFile(before) as archive:
        archive.extractall(tmp_path / "after")
    assert al.diff(before, tmp_path / "after", TRUST).equal


def test_parquet_that_is_none_is_said_to_be_so(compared):
    found = compared(
        lambda s: s.exhibits.__setitem__(0, ("Rows by carrier", {"table.parquet": b"PAR1", "table.csv": b""}))
    )
    (change,) = [each for each in found.changes if each.part == "exhibits"]
    assert change.details[0].startswith("table.parquet: not compared by rows")


def test_texts_are_cut_and_hold_no_markup(compared):
    found = compared(lambda s: s.more.update(conclusion="<script>alert(1)</script>\n" + "x" * 1000))
    assert "<script>" not in found._repr_html_()
    assert len(found.changes[0].after) < 300
    assert "(1,026 characters)" in found.changes[0].after


def test_a_case_is_compared_before_it_is_exported(make_case, tmp_path):
    one, other = make_case("one"), make_case("other")
    other.finding("DL is late", [other.exhibits[0]], "low")
    found = al.diff(one.folder, other.folder)
    assert [(each.part, each.name) for each in found.changes if each.part == "findings"] == [("findings", "F2")]
    assert {each.part for each in found.changes} == {"findings", "custody"}
    assert (found.before.kind, found.before.verdict) == ("case", None)
    assert any("not exported" in each for each in found.not_compared)
