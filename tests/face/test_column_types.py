"""A feature that is neither a number nor a text stops no question: it is left out, and named."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError

OTHERS = {
    "born": pl.date(1970, 1, 1),
    "seen": pl.datetime(2024, 1, 1),
    "clock": pl.time(9, 30),
    "waited": pl.lit(timedelta(days=1)),
    "marks": pl.concat_list(pl.lit(1.0), pl.lit(2.0)),
    "place": pl.struct(pl.lit(1).alias("x")),
    "raw": pl.lit(b"\x00\xff"),
}
NESTED = {
    "waited": "Duration(time_unit='us')",
    "marks": "List(Float64)",
    "place": "Struct({'x': Int32})",
    "raw": "Binary",
}


@pytest.fixture
def log(make_log):
    return al.open(make_log(inputs_loans=lambda frame: frame.with_columns(**OTHERS)))


def test_drift_and_a_watch_leave_such_columns_out_and_measure_the_rest(log):
    found = log.drift(every="1d", reference=("2024-03-04", "2024-03-05"))
    assert found.columns == ("income", "city", "years", "score", "decision")
    (fact,) = [fact for fact in found.facts if fact.startswith("features that are neither numbers nor texts")]
    assert all(f"{name} (" in fact for name in OTHERS)
    with pytest.raises(MisuseError, match="'born' holds"):
        log.drift(["born"])
    watched = log.watch()
    assert not any("does not measure" in sentence for sentence in watched.summary())


def test_onsets_and_segments_leave_out_what_is_no_text_either(log):
    onset = log.onset(every="1h")
    segments = log.segments(since="2024-03-05", until="2024-03-06", minimum=2)
    said = ", ".join(f"{name} ({dtype})" for name, dtype in NESTED.items())
    for found in (onset, segments):
        assert f"features that are neither numbers nor texts are left out: {said}" in found.facts
    assert "born" in onset.columns
    assert not set(NESTED) & set(onset.columns)
    with pytest.raises(MisuseError, match=r"'marks' of loans holds List\(Float64\), which is neither numbers nor text"):
        log.onset(["marks"])
    assert log.cause(after=("2024-03-05", "2024-03-06"), minimum=5, anyway=True).shift.rows_after > 0
