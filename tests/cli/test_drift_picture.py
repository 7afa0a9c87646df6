from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from audit_lab.cli.drift_picture import CHARTS, draw_drift
from audit_lab.errors import MisuseError
from audit_lab.monitor.drift import drift

START = datetime(2015, 1, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def found():
    random = np.random.default_rng(1)
    rows = 12 * 300
    at = [START + timedelta(seconds=2016 * number) for number in range(rows)]
    frame = pl.DataFrame({"at": at, "carrier": random.choice(["AA", "US"], size=rows), "far": random.normal(size=rows)})
    late = pl.col("at") >= START + timedelta(weeks=9)
    frame = frame.with_columns(
        carrier=pl.when(late).then(pl.lit("AA")).otherwise("carrier"),
        far=pl.when(pl.col("at").is_between(START + timedelta(weeks=10), START + timedelta(weeks=11)))
        .then(pl.col("far") + 2)
        .otherwise("far"),
    )
    return drift(frame.lazy(), time="at", columns=["carrier", "far"])


@pytest.mark.parametrize(
    ("options", "title"),
    [
        ({"chart": "heat"}, "What moved, window by window"),
        ({"chart": "heat", "measure": "js_distance"}, "Jensen-Shannon distance (base 2)"),
        ({"chart": "ridge", "feature": "far"}, "far: its values, window by window"),
        ({"chart": "bins"}, "carrier: before and after"),
        ({"chart": "bins"}, "Window: the week of 2015-03-09, 300 rows"),
        ({"chart": "bins", "feature": "far"}, "Window: the week of 2015-03-16, 300 rows"),
        ({"chart": "bins", "at": "2015-01-14"}, "Window: the week of 2015-01-12, 300 rows"),
        ({"chart": "line", "feature": "far", "measure": "ks"}, "far: Kolmogorov-Smirnov statistic by window"),
    ],
)
def test_each_chart_is_drawn(found, tmp_path, options, title):
    said = draw_drift(found, picture=str(tmp_path / "drift.svg"), **options)
    assert said == f"Written: {tmp_path / 'drift.svg'}."
    assert f">{title}<" in (tmp_path / "drift.svg").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"chart": "bins", "feature": "no"}, "drift was not measured for 'no'"),
        ({"chart": "bins", "at": "2019-01-01"}, "no window holds 2019-01-01"),
        ({"chart": "ridge"}, "'carrier' has no densities"),
        ({"chart": "heat", "measure": "no"}, "'no' is not a measure"),
    ],
)
def test_what_cannot_be_drawn_is_refused(found, tmp_path, options, said):
    with pytest.raises(MisuseError, match=said):
        draw_drift(found, picture=str(tmp_path / "drift.svg"), **options)
    assert not (tmp_path / "drift.svg").exists()


def test_a_chart_that_there_is_not_is_refused_before_anything_is_read(run, tmp_path):
    done = run("drift", "--log", tmp_path / "nothing", "--chart", "pie", "--picture", tmp_path / "drift.svg")
    assert done.code == 2
    assert f"Choose {', '.join(CHARTS[:-1])} or {CHARTS[-1]}." in done.err
