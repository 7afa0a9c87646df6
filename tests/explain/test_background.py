"""The choice of background rows."""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from audit_lab.errors import AuditLabError, LogError
from audit_lab.explain import BackgroundRows, choose_background
from audit_lab.explain.attribution import Check
from audit_lab.explain.checks import check_background

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2015, 3, 1, tzinfo=UTC)
LATER = START + timedelta(hours=50)


def predictions(rows: int = 100, version: str = "v1") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "prediction_id": [f"p-{n:03}" for n in range(rows)],
            "occurred_at": [START + timedelta(hours=n) for n in range(rows)],
            "model_name": ["delay-risk"] * rows,
            "model_version": [version] * rows,
        }
    )


def inputs(rows: int = 100) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "prediction_id": [f"p-{n:03}" for n in range(rows)],
            "recorded_at": [START] * rows,
            "carrier": ["AA" if n % 2 else "US" for n in range(rows)],
            "distance": [float(n) for n in range(rows)],
        }
    )


def choose(
    scored: pl.DataFrame, recorded: pl.DataFrame, before: datetime = LATER, rows: int = 100, seed: int = 0
) -> BackgroundRows:
    return choose_background(
        scored.lazy(), recorded.lazy(), "delay-risk", "v1", before, rows=rows, seed=seed, prediction_id="p-050"
    )


def test_takes_the_earlier_decisions_with_the_smallest_digests() -> None:
    chosen = choose(predictions(), inputs(), rows=5, seed=7)

    digests = {f"p-{n:03}": hashlib.sha256(f"7|p-{n:03}".encode()).hexdigest() for n in range(50)}
    assert list(chosen.ids) == sorted(digests, key=lambda name: digests[name])[:5]


def test_each_is_taken_as_often_as_the_served_ones_that_it_stands_for() -> None:
    """Of a log that records all near the threshold and one in five others, the background is of what was served."""
    rows, rounds, taken = 400, 400, 20
    rate = pl.Series([1.0 if n % 2 else 0.2 for n in range(rows)])
    times = predictions(rows).with_columns(occurred_at=pl.lit(START), sampling_rate=rate)
    often = sum(
        float(chosen.frame["distance"].cast(pl.Int64).is_in(list(range(1, rows, 2))).mean() or 0.0)
        for chosen in (choose(times, inputs(rows), rows=taken, seed=seed) for seed in range(rounds))
    )
    expected = 1 / 6  # 200 that stand for one each, 200 for five each; without replacement it is a little more
    error = (expected * (1 - expected) / (rounds * taken)) ** 0.5
    assert expected - 4 * error < often / rounds < expected + 4 * error + 0.01


def test_the_order_of_weighed_rows_can_be_computed_again_and_later_rows_do_not_move_it() -> None:
    rate = pl.Series([1.0 if n % 3 else 0.1 for n in range(100)])
    rates = predictions().with_columns(sampling_rate=rate)
    chosen = choose(rates, inputs(), rows=8, seed=7)

    def wait(n: int) -> float:
        share = int.from_bytes(hashlib.sha256(f"7|p-{n:03}".encode()).digest()[:8], "big") // 2**11 / 2**53
        return -math.log(1 - share) * rate[n]

    assert list(chosen.ids) == [f"p-{n:03}" for n in sorted(range(50), key=wait)[:8]]
    assert chosen.description.endswith(", weighed by one over the rates of 0.1 to 1 at which they were recorded")
    changed = rates.with_columns(pl.when(pl.int_range(100) < 50).then("sampling_rate").otherwise(0.001))
    assert choose(changed, inputs(), rows=8, seed=7).sha256 == chosen.sha256


@pytest.mark.parametrize("rate", [1.0, 0.2, None])
def test_one_rate_for_all_changes_nothing(rate: float | None) -> None:
    alike = predictions().with_columns(sampling_rate=pl.lit(rate, dtype=pl.Float64))
    found, plain = choose(alike, inputs(), rows=20), choose(predictions(), inputs(), rows=20)
    assert (found.ids, found.sha256, found.description) == (plain.ids, plain.sha256, plain.description)


def test_frame_holds_the_features_in_the_order_of_the_ids() -> None:
    chosen = choose(predictions(), inputs(), rows=5)

    assert chosen.frame.columns == ["carrier", "distance"]
    assert [f"p-{distance:03.0f}" for distance in chosen.frame["distance"]] == list(chosen.ids)


def test_does_not_depend_on_the_order_of_the_log() -> None:
    straight = choose(predictions(), inputs(), rows=10)
    shuffled = choose(predictions().reverse(), inputs().sample(fraction=1, shuffle=True, seed=3), rows=10)

    assert shuffled.ids == straight.ids
    assert shuffled.sha256 == straight.sha256


def test_another_seed_chooses_other_rows() -> None:
    assert choose(predictions(), inputs(), rows=10, seed=1).ids != choose(predictions(), inputs(), rows=10, seed=0).ids


def test_digest_is_that_of_ids_and_values_in_canonical_text() -> None:
    chosen = choose(predictions(2), inputs(2))

    lines = {"p-000": '["p-000","US",0.0]\n', "p-001": '["p-001","AA",1.0]\n'}
    text = '["prediction_id","carrier","distance"]\n' + "".join(lines[name] for name in chosen.ids)
    assert chosen.sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_digest_follows_a_value() -> None:
    changed = inputs().with_columns(distance=pl.col("distance") + 1e-12)

    assert choose(predictions(), changed).sha256 != choose(predictions(), inputs()).sha256


def test_later_decisions_stand_in_where_fewer_than_twenty_came_before() -> None:
    chosen = choose(predictions(), inputs(), before=START + timedelta(hours=19))

    assert len(chosen.ids) == 99
    assert "fewer than 20 were decided before 2015-03-01T19:00:00+00:00" in chosen.description


def test_twenty_earlier_decisions_are_enough() -> None:
    chosen = choose(predictions(), inputs(), before=START + timedelta(hours=20))

    assert sorted(chosen.ids) == [f"p-{n:03}" for n in range(20)]
    assert "fewer" not in chosen.description


def test_the_decision_itself_is_never_chosen() -> None:
    assert "p-050" not in choose(predictions(), inputs(), before=START).ids


def test_an_id_that_occurs_twice_is_never_chosen() -> None:
    twice = pl.concat([predictions(), predictions()[3:4].with_columns(model_version=pl.lit("v2"))])
    repeated = pl.concat([inputs(), inputs()[4:5]])

    chosen = choose(twice, repeated)

    assert len(chosen.ids) == 48
    assert not {"p-003", "p-004"} & set(chosen.ids)


def test_other_versions_and_decisions_without_inputs_are_never_chosen() -> None:
    mixed = predictions().with_columns(
        model_version=pl.when(pl.col("prediction_id") == "p-001").then(pl.lit("v2")).otherwise("model_version")
    )

    chosen = choose(mixed, inputs().filter(pl.col("prediction_id") != "p-002"))

    assert len(chosen.ids) == 48
    assert not {"p-001", "p-002"} & set(chosen.ids)


def test_an_empty_background_is_refused() -> None:
    with pytest.raises(AuditLabError, match="no other decision of delay-risk v1 has recorded inputs"):
        choose(predictions(version="v2"), inputs())


def test_the_decision_alone_is_no_background() -> None:
    with pytest.raises(AuditLabError, match="there is no background"):
        choose(predictions()[50:51], inputs())


def test_unreadable_inputs_are_an_error_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "inputs.parquet"
    inputs().write_parquet(path)
    content = path.read_bytes()
    damaged = bytearray(content)
    damaged[40:400] = b"\xa5" * 360
    lazy = pl.scan_parquet(path)
    lazy.collect_schema()
    path.write_bytes(damaged)

    with pytest.raises(LogError, match="cannot be read as Parquet"):
        choose_background(predictions().lazy(), lazy, "delay-risk", "v1", LATER, prediction_id="p-050")


def test_later_decisions_in_the_background_fail_its_check() -> None:
    chosen = choose(predictions(), inputs(), before=START + timedelta(hours=19))

    assert chosen.later == 80
    check = check_background(chosen)
    assert (check.name, check.passed) == ("background", False)
    assert check.detail.startswith("80 of the 99 background rows were decided no earlier than this decision")


def test_a_background_of_earlier_decisions_passes_its_check() -> None:
    chosen = choose(predictions(), inputs())

    assert chosen.later == 0
    assert check_background(chosen) == Check(
        "background", passed=True, detail="all 50 background rows were decided before this decision"
    )
