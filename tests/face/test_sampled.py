"""Whatever counts the predictions of a sampled log as they are says so."""

from __future__ import annotations

import polars as pl
import pytest

import audit_lab as al


@pytest.fixture
def opened(make_log):
    """Return two logs: one in which every prediction is recorded, and the same one sampled."""
    outcomes = pl.DataFrame(
        {
            "prediction_id": [f"p-{row:03d}" for row in range(40)],
            "label": ["good", "bad"] * 20,
            "observed_at": [None] * 40,
        },
        schema_overrides={"observed_at": pl.Datetime("us", "UTC")},
    ).with_columns(
        observed_at=pl.datetime(2024, 3, 20, time_zone="UTC"), recorded_at=pl.datetime(2024, 3, 20, time_zone="UTC")
    )
    whole = make_log("whole", outcomes=outcomes)
    rates = pl.when(pl.int_range(pl.len()) % 2 == 0).then(0.5).otherwise(1.0)
    sampled = make_log("sampled", outcomes=outcomes, predictions=lambda frame: frame.with_columns(sampling_rate=rates))
    return al.open(whole), al.open(sampled)


@pytest.mark.parametrize(
    "ask",
    [
        lambda log: log.drift(every="1d").facts,
        lambda log: log.performance().facts,
        lambda log: log.fairness(["city"], favourable="approve").facts,
        lambda log: log.cause(("2024-03-05", "2024-03-06"), ("2024-03-04", "2024-03-05"), minimum=2).facts,
        lambda log: log.watch().facts,
    ],
    ids=["drift", "performance", "fairness", "cause", "watch"],
)
def test_an_answer_that_counts_rows_as_they_are_says_that_some_were_sampled(opened, ask):
    whole, sampled = (any("unweighted" in fact for fact in ask(log)) for log in opened)
    assert (whole, sampled) == (False, True)


def test_operations_weigh_and_say_how_many_were_served(opened):
    whole, sampled = (log.operations(every="1w") for log in opened)
    assert (whole.represented, sampled.represented) == (40, 60)
    assert "they stand for 60" in sampled.summary()[0]
    assert "40 predictions failed" in whole.summary()[0]
    assert sampled.to_dict()["represented"] == 60
