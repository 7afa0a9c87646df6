"""What the test of shares cannot see in a text of many values fires all the same: nobody has to look for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.log.files.write import write_log

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS, WEEKS = 4_000, 12


@pytest.fixture
def log_of(tmp_path):
    """Return a function that writes a log of twelve weeks with one text, which is given each number of another one."""

    def write(text):
        random = np.random.default_rng(4)
        hours = np.sort(random.uniform(0, WEEKS * 168, ROWS))
        moments = pl.Series([START + timedelta(hours=float(hour)) for hour in hours]).cast(pl.Datetime("us", "UTC"))
        ids = [f"p{place}" for place in range(ROWS)]
        frame = {"prediction_id": ids, "recorded_at": moments}
        scores = [{"score": float(score)} for score in random.beta(2, 5, ROWS)]
        names = {"model_name": ["m"] * ROWS, "model_version": ["1"] * ROWS, "outputs": scores}
        number = random.normal(100, 15, ROWS)
        code = [f"{value:.2f}" if place < ROWS // 2 else text(value) for place, value in enumerate(number)]
        tables = {
            "predictions": pl.DataFrame(frame | names | {"occurred_at": moments}),
            "inputs/m": pl.DataFrame(frame | {"code": code}),
        }
        write_log(tmp_path / "log", tables, {"origin": "tests/text", "description": "Drawn.", "notes": []})
        return al.open(tmp_path / "log")

    return write


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (lambda value: "high" if value > 100 else "low", "values of another kind than in the reference"),
        (lambda _: "N/A", "one value throughout"),
    ],
)
def test_a_text_that_is_exchanged_half_way_fires_and_is_dated(log_of, now, text, said):
    log = log_of(text)
    watched = log.watch(now=now)
    assert watched.exit_code == 1
    assert any("code: major drift" in one.what and said in one.what for one in watched.alerts)
    half = log.predictions.select("occurred_at").collect()["occurred_at"].sort()[ROWS // 2]
    found = log.onset(["code"])
    begun = [one for one in found.onsets if one.statistic == "share" and one.category == text(0.0)]
    assert begun
    assert all(abs(one.at - half) <= timedelta(days=1) for one in begun)
    assert found.summary()[0].startswith("Since 2024-02-1")


def test_a_text_that_goes_on_as_it_was_fires_nothing(log_of, now):
    log = log_of(lambda value: f"{value:.2f}")
    assert log.watch(now=now).alerts == ()
    assert log.onset(["code"]).events == ()
