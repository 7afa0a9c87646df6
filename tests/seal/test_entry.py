"""Entries of the log's tree: golden bytes of every kind, and what is refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.errors import MisuseError
from audit_lab.seal.entry import Entry, parse_entry
from audit_lab.seal.entry_forms import PlacedRows
from audit_lab.seal.entry_kinds import (
    DisposalEntry,
    EraseEntry,
    ExportEntry,
    GenesisEntry,
    HeartbeatEntry,
    HoldEntry,
    ModelEntry,
    PauseEntry,
    PlacementEntry,
    ReleaseEntry,
    RotateEntry,
    SegmentEntry,
)
from audit_lab.seal.keys import PublicKey, SigningKey
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import canonical_json

KEY = SigningKey("a.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32)))).public
KEY_LINE = "a.example/log+79d7d689+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
COMMON = {"origin": "a.example/log", "sealed_at": "2026-03-01T12:00:00.000000Z"}
A, B, C = "a" * 64, "b" * 64, "c" * 64
SCHEMA = (("prediction_id", "str"), ("score", "f64"))
SCHEMA_SHA256 = hashlib.sha256(b'[["prediction_id","str"],["score","f64"]]').hexdigest()

GOLDEN: list[tuple[Entry, str]] = [
    (
        GenesisEntry(
            **COMMON,
            log_key=KEY,
            schema_version=2,
            sealed_from="arrival",
            source="manifest.json sha256 1234",
            description="Décisions",
            notes=("Times are invented.", 'a "quote"\n\x01'),
            tolerance="1e-9",
        ),
        '{"description":"Décisions","format":"audit_lab.entry/1","kind":"genesis","log_key":"' + KEY_LINE + '",'
        '"notes":["Times are invented.","a \\"quote\\"\\n\\u0001"],"origin":"a.example/log","schema_version":2,'
        '"sealed_at":"2026-03-01T12:00:00.000000Z","sealed_from":"arrival","source":"manifest.json sha256 1234",'
        '"tolerance":"1e-9"}',
    ),
    (
        SegmentEntry(
            **COMMON,
            table="inputs/loans",
            segment="00000000000000000042",
            schema=SCHEMA,
            schema_sha256=SCHEMA_SHA256,
            commitment="fields",
            rows=3,
            rows_root=A,
            leaves_sha256=B,
            first_time="2026-03-01T11:00:00+00:00",
            last_time=None,
            writer_id="writer-1",
            first_sequence=-(2**63),
            last_sequence=2**64,
        ),
        (
            '{"commitment":"fields","first_sequence":"-9223372036854775808","first_time":"2026-03-01T11:00:00+00:00",'
            f'"format":"audit_lab.entry/1","kind":"segment","last_sequence":"18446744073709551616","last_time":null,'
            f'"leaves_sha256":"{B}","origin":"a.example/log","rows":3,"rows_root":"{A}",'
            '"schema":[["prediction_id","str"],["score","f64"]],'
            f'"schema_sha256":"{SCHEMA_SHA256}","sealed_at":"2026-03-01T12:00:00.000000Z",'
            '"segment":"00000000000000000042","table":"inputs/loans","writer_id":"writer-1"}'
        ),
    ),
    (
        PlacementEntry(
            **COMMON,
            table="predictions",
            file="predictions/c1.parquet",
            sha256=A,
            size_bytes=123,
            rows=7,
            holds=(PlacedRows("s1", 0, 3), PlacedRows("s2", 0, 4)),
            reason="compact",
            replaces=("predictions/s1.parquet", "predictions/s2.parquet"),
            index_sha256=None,
        ),
        (
            '{"file":"predictions/c1.parquet","format":"audit_lab.entry/1",'
            '"holds":[{"first_row":0,"rows":3,"segment":"s1"},{"first_row":0,"rows":4,"segment":"s2"}],'
            '"index_sha256":null,"kind":"placement","origin":"a.example/log","reason":"compact",'
            '"replaces":["predictions/s1.parquet","predictions/s2.parquet"],"rows":7,'
            f'"sealed_at":"2026-03-01T12:00:00.000000Z","sha256":"{A}","size_bytes":123,"table":"predictions"}}'
        ),
    ),
    (
        EraseEntry(
            **COMMON,
            table="predictions",
            segment="s1",
            rows=(0, 5, 2**53 - 1),
            fields=("subject_id", "outputs"),
            reason="request",
            actor="jane",
            old_sha256=A,
            new_sha256=B,
            kept="predictions/s1.kept",
            kept_sha256=C,
        ),
        (
            '{"actor":"jane","fields":["subject_id","outputs"],"format":"audit_lab.entry/1",'
            f'"kept":"predictions/s1.kept","kept_sha256":"{C}","kind":"erase","new_sha256":"{B}","old_sha256":"{A}",'
            '"origin":"a.example/log","reason":"request","rows":[0,5,9007199254740991],'
            '"sealed_at":"2026-03-01T12:00:00.000000Z","segment":"s1","table":"predictions"}'
        ),
    ),
    (
        HeartbeatEntry(**COMMON),
        (
            '{"format":"audit_lab.entry/1","kind":"heartbeat","origin":"a.example/log",'
            '"sealed_at":"2026-03-01T12:00:00.000000Z"}'
        ),
    ),
    (
        PauseEntry(**COMMON, from_epoch="2026-02-27", to_epoch="2026-02-28"),
        (
            '{"format":"audit_lab.entry/1","from_epoch":"2026-02-27","kind":"pause","origin":"a.example/log",'
            '"sealed_at":"2026-03-01T12:00:00.000000Z","to_epoch":"2026-02-28"}'
        ),
    ),
    (
        RotateEntry(**COMMON, new_key=KEY, epoch="2026-03-02"),
        (
            f'{{"epoch":"2026-03-02","format":"audit_lab.entry/1","kind":"rotate","new_key":"{KEY_LINE}",'
            '"origin":"a.example/log","sealed_at":"2026-03-01T12:00:00.000000Z"}'
        ),
    ),
    (
        HoldEntry(**COMMON, name="case-7", subjects_sha256=(A, B), predictions_sha256=(), actor="jane", reason="court"),
        (
            '{"actor":"jane","format":"audit_lab.entry/1","kind":"hold","name":"case-7","origin":"a.example/log",'
            '"predictions_sha256":[],"reason":"court","sealed_at":"2026-03-01T12:00:00.000000Z",'
            f'"subjects_sha256":["{A}","{B}"]}}'
        ),
    ),
    (
        ReleaseEntry(**COMMON, name="case-7", actor="jane", reason="closed"),
        (
            '{"actor":"jane","format":"audit_lab.entry/1","kind":"release","name":"case-7","origin":"a.example/log",'
            '"reason":"closed","sealed_at":"2026-03-01T12:00:00.000000Z"}'
        ),
    ),
    (
        ExportEntry(**COMMON, bundle_sha256=A, actor="jane", purpose="audit"),
        (
            f'{{"actor":"jane","bundle_sha256":"{A}","format":"audit_lab.entry/1","kind":"export",'
            '"origin":"a.example/log","purpose":"audit","sealed_at":"2026-03-01T12:00:00.000000Z"}'
        ),
    ),
    (
        DisposalEntry(**COMMON, files=("predictions/s1.parquet",), reason="retention", actor="jane"),
        (
            '{"actor":"jane","files":["predictions/s1.parquet"],"format":"audit_lab.entry/1","kind":"disposal",'
            '"origin":"a.example/log","reason":"retention","sealed_at":"2026-03-01T12:00:00.000000Z"}'
        ),
    ),
    (
        ModelEntry(**COMMON, model_name="loans", model_version="1", artifact_sha256=A),
        (
            f'{{"artifact_sha256":"{A}","format":"audit_lab.entry/1","kind":"model","model_name":"loans",'
            '"model_version":"1","origin":"a.example/log","sealed_at":"2026-03-01T12:00:00.000000Z"}'
        ),
    ),
]
BY_KIND = {entry.kind: entry for entry, _ in GOLDEN}


def members_of(kind):
    return json.loads(BY_KIND[kind].to_bytes())


def encoded(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def refusal(content):
    with pytest.raises(MalformedError) as caught:
        parse_entry(content, "entry 5")
    assert "entry 5" in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize(("entry", "text"), GOLDEN, ids=BY_KIND)
def test_every_kind_has_its_golden_bytes(entry, text):
    assert entry.to_bytes() == text.encode()
    assert parse_entry(text.encode()) == entry
    assert entry.leaf == hashlib.sha256(b"\x00" + text.encode()).digest()


@pytest.mark.parametrize(("entry", "text"), GOLDEN, ids=BY_KIND)
def test_the_bytes_are_canonical_by_the_public_library(entry, text):
    assert canonical_json(json.loads(text)) == entry.to_bytes()


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_sealed_and_read_back(reason, actor):
    entry = replace(BY_KIND["release"], reason=reason, actor=actor)
    assert parse_entry(entry.to_bytes()) == entry
    assert canonical_json(json.loads(entry.to_bytes())) == entry.to_bytes()


@pytest.mark.parametrize("kind", BY_KIND)
def test_a_member_missing_or_added_is_refused(kind):
    value = members_of(kind)
    for member in value.keys() - {"format", "kind"}:
        assert refusal(encoded({name: each for name, each in value.items() if name != member})) == "json.member-missing"
    assert refusal(encoded({**value, "more": 1})) == "json.member-unknown"


@pytest.mark.parametrize("kind", BY_KIND)
def test_a_member_of_another_type_is_refused(kind):
    value = members_of(kind)
    for member in value.keys() - {"format", "kind"}:
        for wrong in (True, 1.5, {"x": 1}, [["x"]], -1, 2**53, "\x00", "x" * 16_385):
            changed = encoded({**value, member: wrong})
            if wrong == "\x00" and isinstance(value[member], str) and member in _FREE_TEXT:
                continue
            assert refusal(changed) in {"entry.malformed", "json.number-too-big"}


_FREE_TEXT = {
    "description", "source", "writer_id", "reason", "actor", "purpose", "model_name", "model_version",
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "member", "wrong"),
    [
        ("heartbeat", "origin", "a b"),
        ("heartbeat", "origin", ""),
        ("heartbeat", "sealed_at", "2026-03-01T12:00:00Z"),
        ("heartbeat", "sealed_at", "2026-03-01T12:00:00.000000+00:00"),
        ("heartbeat", "sealed_at", "2026-02-30T12:00:00.000000Z"),
        ("heartbeat", "sealed_at", "yesterday"),
        ("genesis", "log_key", "nonsense"),
        ("genesis", "log_key", KEY_LINE.replace("79d7d689", "00000000")),
        ("genesis", "schema_version", 3),
        ("genesis", "schema_version", "2"),
        ("genesis", "sealed_from", "birth"),
        ("genesis", "source", ""),
        ("genesis", "notes", "one"),
        ("genesis", "notes", [1]),
        ("genesis", "tolerance", "nan"),
        ("genesis", "tolerance", "Infinity"),
        ("genesis", "tolerance", "-1"),
        ("genesis", "tolerance", "1,5"),
        ("genesis", "tolerance", ""),
        ("segment", "table", "/predictions"),
        ("segment", "table", "inputs/../x"),
        ("segment", "table", "inputs//x"),
        ("segment", "table", "a\\b"),
        ("segment", "table", ""),
        ("segment", "table", "a\nb"),
        ("segment", "table", "x" * 241),
        ("segment", "segment", "a/b"),
        ("segment", "segment", ".."),
        ("segment", "schema", [["prediction_id", "str"], ["prediction_id", "f64"]]),
        ("segment", "schema", [["prediction_id"]]),
        ("segment", "schema", [["prediction_id", ""]]),
        ("segment", "schema", [["prediction_id", "String"]]),
        ("segment", "schema", [["prediction_id", "f64"], ["score", "f64"]]),
        ("segment", "schema_sha256", A),
        ("segment", "schema_sha256", SCHEMA_SHA256.upper()),
        ("segment", "commitment", "Fields"),
        ("segment", "rows", "3"),
        ("segment", "rows", None),
        ("segment", "rows_root", A[:-1]),
        ("segment", "rows_root", A + "\n"),
        ("segment", "first_time", "2026-03-01T11:00:00"),
        ("segment", "first_sequence", "01"),
        ("segment", "first_sequence", "-0"),
        ("segment", "first_sequence", "1_0"),
        ("segment", "first_sequence", " 1"),
        ("segment", "first_sequence", "\u0661"),
        ("segment", "first_sequence", 1),
        ("segment", "first_sequence", "9" * 41),
        ("placement", "file", "../secret"),
        ("placement", "file", "predictions/s1.parquet"),
        ("placement", "rows", 8),
        ("placement", "holds", []),
        ("placement", "holds", [{"segment": "s1", "first_row": 0, "rows": 7, "x": 1}]),
        ("placement", "holds", [{"segment": "s1", "first_row": -1, "rows": 7}]),
        ("placement", "holds", [["s1", 0, 7]]),
        ("placement", "reason", "append "),
        ("placement", "replaces", ["predictions/s2.parquet", "predictions/s1.parquet"]),
        ("placement", "replaces", ["predictions/s1.parquet", "predictions/s1.parquet"]),
        ("erase", "rows", []),
        ("erase", "rows", [1, 1]),
        ("erase", "rows", [2, 1]),
        ("erase", "rows", [1.0]),
        ("erase", "fields", []),
        ("erase", "fields", ["x", "x"]),
        ("pause", "from_epoch", "2026-03-01"),
        ("pause", "from_epoch", "20260227"),
        ("pause", "to_epoch", "2026-02-30"),
        ("rotate", "new_key", ""),
        ("hold", "subjects_sha256", []),
        ("hold", "subjects_sha256", [B, A]),
        ("hold", "name", ""),
        ("disposal", "files", []),
        ("disposal", "files", ["/etc/passwd"]),
        ("model", "artifact_sha256", None),
    ],
)
def test_a_member_with_another_value_is_refused(kind, member, wrong):
    value = members_of(kind)
    assert parse_entry(encoded(value)) == BY_KIND[kind]
    assert refusal(encoded({**value, member: wrong})) == "entry.malformed"


def test_a_column_may_be_a_wide_struct():
    dtype = f"struct[{','.join(f'field_{number}:f64' for number in range(200))}]"
    digest = hashlib.sha256(f'[["outputs","{dtype}"]]'.encode()).hexdigest()
    entry = replace(BY_KIND["segment"], schema=(("outputs", dtype),), schema_sha256=digest)
    assert parse_entry(entry.to_bytes()) == entry


def test_a_log_names_its_own_keys():
    stranger = SigningKey("b.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32)))).public
    cosigner = PublicKey(KEY.name, KEY.raw, b"\x04")
    for line in (str(stranger), str(cosigner)):
        assert refusal(encoded({**members_of("genesis"), "log_key": line})) == "entry.malformed"
        assert refusal(encoded({**members_of("rotate"), "new_key": line})) == "entry.malformed"


def test_a_log_sealed_from_its_creation_has_no_source():
    genesis = replace(BY_KIND["genesis"], sealed_from="creation", source="")
    assert parse_entry(genesis.to_bytes()) == genesis
    assert refusal(encoded({**members_of("genesis"), "sealed_from": "creation"})) == "entry.malformed"


BEAT = BY_KIND["heartbeat"].to_bytes()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (BEAT.replace(b"heartbeat", b"teleport"), "entry.unknown-kind"),
        (BEAT.replace(b"entry/1", b"entry/2"), "entry.newer-version"),
        (BEAT.replace(b"entry/1", b"entry/10"), "entry.newer-version"),
        (BEAT.replace(b"entry/1", b"entry/x"), "entry.malformed"),
        (BEAT.replace(b"audit_lab.entry/1", b"other"), "entry.malformed"),
        (BEAT.replace(b'"audit_lab.entry/1"', b"1"), "entry.malformed"),
        (BEAT.replace(b'"heartbeat"', b"null"), "entry.malformed"),
        (BEAT.replace(b'"heartbeat"', b'""'), "entry.malformed"),
        (b"[]", "entry.malformed"),
        (b"null", "entry.malformed"),
        (b"{}", "entry.malformed"),
        (b"", "json.not-json"),
        (BEAT[:-1], "json.not-json"),
        (b"\xef\xbb\xbf" + BEAT, "json.byte-order-mark"),
        (BEAT.replace(b'"kind"', b'"kind":"model","kind"'), "json.duplicate-member"),
        (BEAT.replace(b'","', b'", "'), "entry.not-canonical"),
        (BEAT + b"\n", "entry.not-canonical"),
        (BEAT.replace(b"heartbeat", b"he\\u0061rtbeat"), "entry.not-canonical"),
        (b'{"sealed_at":' + BEAT.split(b'"sealed_at":')[1][:-1] + b"," + BEAT[1:].split(b',"sealed_at"')[0] + b"}",
         "entry.not-canonical"),
        (b" " * 65_536, "entry.too-large"),
    ],
)  # fmt: skip
def test_what_would_not_print_back_identically_is_refused(content, code):
    assert refusal(content) == code


def test_what_a_newer_release_wrote_is_named_as_such():
    with pytest.raises(MalformedError, match=r"'teleport'.*Install the audit_lab release that wrote the log") as caught:
        parse_entry(BEAT.replace(b"heartbeat", b"teleport"))
    assert caught.value.code == "entry.unknown-kind"


def test_the_largest_erasure_fits_and_a_larger_one_must_be_split():
    entry = replace(BY_KIND["erase"], rows=tuple(range(10_000, 20_000)))
    assert len(entry.to_bytes()) <= 65_535
    with pytest.raises(MisuseError, match="Split it"):
        replace(entry, rows=tuple(range(10_000, 30_000))).to_bytes()


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("heartbeat", {"origin": "a b"}),
        ("heartbeat", {"sealed_at": "now"}),
        ("segment", {"rows": -1}),
        ("segment", {"rows": 2**53}),
        ("segment", {"rows": 1.0}),
        ("segment", {"schema": (("score", "f64"),)}),
        ("segment", {"first_sequence": True}),
        ("placement", {"file": "/x"}),
        ("placement", {"replaces": ["predictions/s1.parquet"]}),
        ("release", {"reason": "half of a pair \ud800"}),
        ("release", {"reason": None}),
        ("genesis", {"log_key": KEY_LINE.replace("79d7d689", "00000000")}),
    ],
)
def test_an_entry_that_would_be_refused_is_not_sealed(kind, changes):
    with pytest.raises(MisuseError):
        replace(BY_KIND[kind], **changes).to_bytes()


def test_every_member_has_a_form():
    for entry in BY_KIND.values():
        assert all("form" in each.metadata for each in fields(entry))
