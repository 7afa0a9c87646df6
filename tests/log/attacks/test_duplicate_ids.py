"""Attack 26: ids that stand twice, and ids that look like something else. Shown and named, never interpreted."""

from __future__ import annotations

import polars as pl
import pytest

from audit_lab.errors import AmbiguousIdError
from audit_lab.log.index.lookup import find_prediction
from audit_lab.log.proof import prove
from audit_lab.log.store import open_store
from audit_lab.verifier.record_proof import examine_record_proof

HOSTILE = {
    "path": "../../../etc/passwd",
    "absolute path": "/etc/passwd",
    "option": "--require-anchor",
    "glob": "*?[a-z]{1,2}",
    "sql": "x'; DROP TABLE predictions; --",
    "place": "p-003@segment:7",
    "number": "00012",
    "blank": " ",
    "empty": "",
    "null byte": "a\0b",
    "line break": "a\r\nb\u2028c",
    "markup": "<img src=x onerror=alert(1)>",
    "right to left": "\u202eabc",
    "composed": "\u00e9",
    "decomposed": "e\u0301",
    "astral": "\U0001f600" * 3,
    "long": "x" * 1_000_000,
}


def append(log, small_log, ids, decision="deny"):
    rows = small_log.some_predictions(0, 1).with_columns(
        pl.lit(decision).alias("decision"), pl.lit(None).alias("sequence")
    )
    frames = [rows.with_columns(pl.lit(each).alias("prediction_id")) for each in ids]
    with log.writer() as writer:
        return writer.append({"predictions": pl.concat(frames)})


def test_clean_log_names_one_place(sealed_log):
    assert sealed_log.found() == set()
    assert find_prediction(open_store(sealed_log.folder), "p-013").place.startswith("p-013@")


def test_id_with_two_contents_is_named_in_both_places_and_each_can_be_asked_for(sealed_log, small_log):
    append(sealed_log, small_log, ["p-013"])
    store = open_store(sealed_log.folder)
    with pytest.raises(AmbiguousIdError) as caught:
        find_prediction(store, "p-013")
    first, second = caught.value.places
    assert {find_prediction(store, place).row["decision"] for place in (first, second)} == {"approve", "deny"}
    for place in (first, second):
        proof = prove(store, place, vault=sealed_log.vault)
        assert examine_record_proof(proof.to_bytes(), sealed_log.trust).findings == ()
    with pytest.raises(AmbiguousIdError):
        prove(store, "p-013", vault=sealed_log.vault)


def test_two_rows_that_a_writer_gave_one_id_are_no_tampering(sealed_log, small_log):
    append(sealed_log, small_log, ["twice", "twice"])
    assert sealed_log.found() == set()


def test_id_doubled_by_somebody_else_is_tampering(sealed_log):
    path = sealed_log.files("predictions")[0]
    sealed_log.rewrite(path, lambda frame: pl.concat([frame, frame[:1].with_columns(pl.lit("x").alias("decision"))]))
    assert sealed_log.found() == {"log.segment-changed", "log.rows-root-differs", "log.row-added"}


def test_ids_that_look_like_something_else_are_sealed_found_and_proven_as_text(sealed_log, small_log):
    append(sealed_log, small_log, list(HOSTILE.values()))
    assert sealed_log.found() == set()
    store, vault, trust = open_store(sealed_log.folder), sealed_log.vault, sealed_log.trust
    for hostile in HOSTILE.values():
        assert find_prediction(store, hostile).row["prediction_id"] == hostile
        proof = prove(store, hostile, vault=vault)
        assert proof.document.prediction_id == hostile
        assert examine_record_proof(proof.to_bytes(), trust).findings == ()
        assert len(repr(proof)) < 500


def test_changed_row_with_a_hostile_id_is_named_short_and_as_text(sealed_log, small_log):
    append(sealed_log, small_log, [HOSTILE["long"], HOSTILE["markup"]])
    path = list(sealed_log.state.files["predictions"])[-1]
    sealed_log.rewrite(path, lambda frame: frame.with_columns(pl.lit("approve").alias("decision")))
    report = sealed_log.report()
    (meaning,) = [each.meaning for each in report.findings if each.code == "log.row-changed"]
    assert len(meaning) < 500
    assert HOSTILE["markup"] in meaning
    assert HOSTILE["markup"] not in report._repr_html_()
