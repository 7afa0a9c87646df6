"""Changes of the data by name: each kind planted at drawn days, and controls in which nothing may be recognised."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

from audit_lab.monitor.drift import drift
from audit_lab.monitor.recognised import KINDS
from audit_lab.monitor.recognised.conversions import CONVERSIONS, TOLERANCE, plain_multiples
from audit_lab.monitor.recognised.samples import Sample, decile_distance, distribution_distance
from audit_lab.monitor.reference import Dataset

START = datetime(2015, 1, 5, tzinfo=UTC)
DAYS, PER_DAY = 120, 120
COLUMNS = ["amount", "temperature", "city", "count", "flag", "gaps", "ratio"]


def rows(seed: int, per_day: int = PER_DAY) -> pl.DataFrame:
    """Return rows of 120 days: a skewed amount, a temperature with season and weather, categories, a weekly count."""
    random = np.random.default_rng(seed)
    size = DAYS * per_day
    day = np.arange(size) / per_day
    weather = np.repeat(np.convolve(random.normal(0, 3, DAYS + 6), np.ones(7) / 7**0.5, "valid")[:DAYS], per_day)
    times = [START + timedelta(seconds=float(second)) for second in day * 86_400]
    return pl.DataFrame(
        {
            "at": pl.Series(times).cast(pl.Datetime("us", "UTC")),
            "amount": np.exp(random.normal(6.4, 0.7, size)),
            "temperature": 10 + 10 * np.sin(2 * np.pi * (day - 100) / 365) + weather + random.normal(0, 4, size),
            "city": random.choice(["Bern", "Oslo", "Rome", "Turku"], size, p=[0.5, 0.3, 0.15, 0.05]),
            "count": random.poisson(3 + (day.astype(int) % 7 > 4), size).astype(float),
            "flag": random.choice(["true", "false"], size),
            "gaps": pl.Series(random.normal(0, 1, size)).set(pl.Series(random.random(size) < 0.1), None),
            "ratio": random.beta(2, 5, size),
            "node": random.choice(["n1", "n2", "n3"], size),
        }
    )


def drawn_days(seed: int, hour: int = 0) -> tuple[datetime, datetime]:
    random = np.random.default_rng(1_000 + seed)
    start = START + timedelta(days=int(random.integers(50, 80)), hours=hour)
    return start, start + timedelta(days=int(random.integers(7, 30)))


def planted(
    seed: int, part: float = 1.0, *, hour: int = 0, **columns: pl.Expr
) -> tuple[pl.DataFrame, datetime, datetime]:
    """Return rows with columns replaced on drawn days, from an hour on, in a part of the rows."""
    frame, (start, end) = rows(seed), drawn_days(seed, hour)
    inside = pl.col("at").is_between(start, end, closed="left")
    if part < 1:
        inside &= pl.Series(np.random.default_rng(seed).random(frame.height) < part)
    replaced = (pl.when(inside).then(value).otherwise(pl.col(name)).alias(name) for name, value in columns.items())
    return frame.with_columns(replaced), start, end


def found_in(frame: pl.DataFrame):
    return drift(frame.lazy(), time="at", columns=COLUMNS)


def one_of(frame: pl.DataFrame):
    (change,) = found_in(frame).changes
    return change


AMOUNT, TEMPERATURE, CITY = pl.col("amount"), pl.col("temperature"), pl.col("city")
NODE = pl.col("node")


@pytest.mark.parametrize(
    ("seed", "column", "conversion"),
    [
        (1, "amount", "pound -> kg"),
        (2, "amount", "a unit -> thousandths"),
        (3, "temperature", "Celsius -> Fahrenheit"),
        (4, "temperature", "Celsius -> kelvin"),
        (5, "ratio", "a share -> per cent, or an amount -> hundredths"),
    ],
)
def test_a_conversion_is_named_with_its_days_factor_and_rows(seed, column, conversion):
    known = next(one for one in CONVERSIONS if one.name == conversion)
    frame, start, end = planted(seed, **{column: pl.col(column) * known.factor + known.offset})
    change = one_of(frame)
    assert (change.kind, change.columns, change.conversion) == (known.kind, (column,), conversion)
    assert (change.start, change.end, change.ongoing) == (start, end, False)
    assert (change.factor, change.offset) == (known.factor, known.offset)
    assert change.rows == (end - start).days * PER_DAY
    assert change.evidence["distance_undone"] <= change.evidence["distance_by_chance"] < change.evidence["distance"]


def test_two_columns_with_one_anothers_values_are_swapped():
    frame, start, end = planted(6, amount=pl.col("ratio"), ratio=pl.col("amount"))
    change = one_of(frame)
    assert (change.kind, set(change.columns)) == ("swapped columns", {"amount", "ratio"})
    assert (change.start, change.end) == (start, end)


SWAPS = {"temperature and ratio": ("temperature", "ratio"), "amount and temperature": ("amount", "temperature")}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("swap", SWAPS)
def test_a_column_that_moves_with_the_season_and_another_are_swapped_and_of_no_other_unit(swap, seed):
    one, two = SWAPS[swap]
    frame, start, end = planted(seed, **{one: pl.col(two), two: pl.col(one)})
    change = one_of(frame)
    assert (change.kind, set(change.columns), change.where) == ("swapped columns", {one, two}, None)
    assert (change.start, change.end) == (start, end)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_node_that_swaps_a_column_that_moves_with_the_season_says_so(seed):
    frame, start, end = planted(seed, **only("n2", pl.col("ratio"), "temperature"), **only("n2", TEMPERATURE, "ratio"))
    change = one_of(frame)
    assert (change.kind, set(change.columns)) == ("swapped columns", {"temperature", "ratio"})
    assert change.where == ("node", "n2")
    assert (change.start, change.end) == (start, end)


@pytest.mark.parametrize(
    ("seed", "part", "columns", "said"),
    [
        (1, 0.2, {"amount": pl.lit(0.0)}, ("new default", None, "0")),
        (2, 0.2, {"amount": pl.lit(612.5)}, ("new default", None, "612.5")),
        (3, 0.2, {"city": pl.lit("unknown")}, ("new default", None, "unknown")),
        (4, 1.0, {"gaps": pl.col("gaps").fill_null(0.0)}, ("new default", "(missing)", "0")),
        (5, 0.2, {"amount": pl.lit(None, pl.Float64)}, ("missing values", None, "(missing)")),
        (6, 1.0, {"amount": pl.lit(444.0)}, ("frozen", None, "444")),
        (7, 0.85, {"amount": pl.lit(None, pl.Float64)}, ("missing values", None, "(missing)")),
        (8, 1.0, {"city": pl.lit(None, pl.String)}, ("missing values", None, "(missing)")),
    ],
)
def test_a_value_that_takes_the_place_of_others_is_named(seed, part, columns, said):
    frame, start, end = planted(seed, part, **columns)
    change = one_of(frame)
    assert (change.kind, change.before, change.after) == said
    assert (change.start, change.end) == (start, end)


def test_a_category_that_stops_as_another_begins_is_a_renaming_dated_by_its_rows():
    renamed = pl.when(CITY == "Oslo").then(pl.lit("Christiania")).otherwise(CITY)
    frame, start, end = planted(1, city=renamed)
    change = one_of(frame)
    assert (change.kind, change.before, change.after) == ("renamed category", "Oslo", "Christiania")
    carried = frame.filter(pl.col("city") == "Christiania")["at"]
    assert (change.start, change.end) == (carried.min(), carried.max() + timedelta(microseconds=1))
    assert start <= change.start < change.end <= end


def test_the_same_values_written_in_another_way_are_a_change_of_type():
    frame, *_ = planted(2, flag=pl.col("flag").replace({"true": "1", "false": "0"}))
    change = one_of(frame)
    assert change.kind == "type changed"
    assert sorted(zip(change.before.split(", "), change.after.split(", "), strict=True)) == [
        ("false", "0"),
        ("true", "1"),
    ]


def test_a_change_of_one_node_only_says_so():
    frame, start, end = planted(3, amount=pl.when(pl.col("node") == "n2").then(AMOUNT * 1000).otherwise(AMOUNT))
    change = one_of(frame)
    assert (change.kind, change.where, change.factor) == ("unit", ("node", "n2"), 1000.0)
    assert (change.start, change.end) == (start, end)
    assert "only where node is n2" in change.sentence


@pytest.mark.parametrize(
    ("part", "columns", "said"),
    [
        (1.0, {"amount": AMOUNT * 1000}, ("unit", "a unit -> thousandths", None)),
        (1.0, {"amount": pl.col("ratio"), "ratio": AMOUNT}, ("swapped columns", None, None)),
        (0.2, {"amount": pl.lit(0.0)}, ("new default", None, "0")),
        (0.2, {"amount": pl.lit(None, pl.Float64)}, ("missing values", None, "(missing)")),
        (1.0, {"amount": pl.lit(444.0)}, ("frozen", None, "444")),
        (1.0, {"amount": (AMOUNT / 100).round(0) * 100}, ("rounded", None, "multiples of 100")),
    ],
    ids=["unit", "swap", "default", "missing", "frozen", "rounded"],
)
def test_what_comes_and_goes_in_the_middle_of_a_day_is_named_to_the_day(part, columns, said):
    frame, start, end = planted(12, part, hour=11, **columns)
    change = one_of(frame)
    assert (change.kind, change.conversion, change.after) == said
    assert abs(change.start - start) < timedelta(days=1)
    assert abs(change.end - end) < timedelta(days=1)


def test_a_category_that_goes_missing_in_the_middle_of_a_day_is_named_with_what_is_missing():
    frame, *_ = planted(12, hour=11, city=pl.when(CITY != "Rome").then(CITY))
    kinds = {one.kind: (one.before, one.after) for one in found_in(frame).changes}
    assert kinds["new default"] == ("Rome", "(missing)")
    assert "missing values" not in kinds


@pytest.mark.parametrize("hour", [6, 18])
def test_a_unit_of_whole_numbers_that_comes_and_goes_in_the_middle_of_a_day_is_named(hour):
    start, end = drawn_days(12, hour)
    whole = AMOUNT.round(0)
    changed = pl.when(pl.col("at").is_between(start, end, closed="left")).then(whole * 1.609344).otherwise(whole)
    found = drift(rows(12).with_columns(amount=changed).lazy(), time="at", columns=["amount"])
    (change,) = found.changes
    assert (change.kind, change.conversion, change.alternatives) == ("unit", "mile -> km", ())
    assert abs(change.start - start) < timedelta(days=1)


def only(node: str, value: pl.Expr, column: str) -> dict[str, pl.Expr]:
    return {column: pl.when(node == NODE).then(value).otherwise(pl.col(column))}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (only("n1", pl.lit(444.0), "amount"), ("frozen", None, "444")),
        (only("n2", pl.lit(None, pl.Float64), "amount"), ("missing values", None, "(missing)")),
        (only("n3", pl.lit("unknown"), "city"), ("frozen", None, "unknown")),
        (only("n2", pl.lit(3.0), "count"), ("frozen", None, "3")),
        (only("n3", pl.lit("Turku"), "city"), ("frozen", None, "Turku")),
    ],
    ids=["frozen", "missing", "text", "a usual number", "a usual text"],
)
def test_frozen_missing_and_default_values_of_one_node_only_say_so(columns, said):
    frame, start, end = planted(4, **columns)
    change = one_of(frame)
    (node,) = {str(one) for one in ("n1", "n2", "n3") if f'"{one}"' in str(*columns.values())}
    assert (change.kind, change.before, change.after) == said
    assert change.where == ("node", node)
    assert (change.start, change.end) == (start, end)
    assert f"only where node is {node}" in change.sentence


def test_a_default_of_some_rows_of_one_node_says_so_with_its_share_and_rows():
    random = pl.Series(np.random.default_rng(8).random(DAYS * PER_DAY) < 0.4)
    frame, start, end = planted(5, amount=pl.when((NODE == "n2") & random).then(0.0).otherwise(AMOUNT))
    change = one_of(frame)
    carried = frame.filter(AMOUNT == 0)
    assert (change.kind, change.after, change.where) == ("new default", "0", ("node", "n2"))
    assert change.rows == carried.height
    inside = frame.filter(NODE == "n2", pl.col("at").is_between(start, end, closed="left"))
    assert change.evidence["share"] == pytest.approx(carried.height / inside.height)


def test_values_that_one_node_rounds_are_said_to_be_rounded_there():
    frame, start, end = planted(6, **only("n2", (AMOUNT / 1000).round(0) * 1000, "amount"))
    change = one_of(frame)
    assert (change.kind, change.after, change.where) == ("rounded", "multiples of 1000", ("node", "n2"))
    assert (change.start, change.end) == (start, end)
    assert change.rows == frame.filter(NODE == "n2", pl.col("at").is_between(start, end, closed="left")).height


def test_a_category_that_one_node_renames_is_a_renaming_of_that_node():
    renamed = pl.when(CITY == "Oslo").then(pl.lit("Christiania")).otherwise(CITY)
    frame, *_ = planted(7, **only("n3", renamed, "city"))
    change = one_of(frame)
    carried = frame.filter(CITY == "Christiania")
    assert (change.kind, change.before, change.after) == ("renamed category", "Oslo", "Christiania")
    assert (change.where, change.rows) == (("node", "n3"), carried.height)
    assert (change.start, change.end) == (carried["at"].min(), carried["at"].max() + timedelta(microseconds=1))
    assert "only where node is n3 Oslo arrives as Christiania" in change.sentence.replace("n3, ", "n3 ")


def test_a_category_that_one_node_alone_begins_to_send_is_new_there_and_no_renaming():
    drawn = pl.Series(np.random.default_rng(9).random(DAYS * PER_DAY) < 0.25)
    frame, *_ = planted(8, city=pl.when((NODE == "n1") & drawn).then(pl.lit("Narvik")).otherwise(CITY))
    change = one_of(frame)
    assert (change.kind, change.after, change.before, change.where) == ("new category", "Narvik", None, ("node", "n1"))
    assert change.rows == frame.filter(CITY == "Narvik").height


def test_a_category_that_two_of_three_nodes_begin_to_send_is_of_none():
    drawn = pl.Series(np.random.default_rng(9).random(DAYS * PER_DAY) < 0.25)
    frame, *_ = planted(8, city=pl.when((NODE != "n1") & drawn).then(pl.lit("Narvik")).otherwise(CITY))
    assert [(one.kind, one.where) for one in found_in(frame).changes] == [("new category", None)]


def test_texts_that_one_node_writes_in_another_way_are_a_change_of_type_there():
    retyped = pl.col("flag").replace({"true": "1", "false": "0"})
    frame, *_ = planted(9, **only("n2", retyped, "flag"))
    change = one_of(frame)
    assert (change.kind, change.where) == ("type changed", ("node", "n2"))
    assert sorted(zip(change.before.split(", "), change.after.split(", "), strict=True)) == [
        ("false", "0"),
        ("true", "1"),
    ]


def test_a_default_of_every_node_is_of_none():
    frame, *_ = planted(5, 0.3, amount=pl.lit(0.0))
    assert one_of(frame).where is None


@pytest.mark.parametrize("seed", range(6))
def test_a_default_of_every_node_is_of_none_where_it_is_too_rare_on_some_to_be_frequent_on_a_day(seed):
    random = np.random.default_rng(seed)
    node = np.where(random.random(DAYS * PER_DAY) < 0.65, "n1", "n2")
    inside = (pl.col("at") >= START + timedelta(days=60)) & pl.Series(random.random(node.size) < 0.18)
    frame = rows(seed).with_columns(node=pl.Series(node), amount=pl.when(inside).then(0.0).otherwise(AMOUNT))
    (change,) = (one for one in found_in(frame).changes if one.column == "amount")
    assert (change.kind, change.after, change.where) == ("new default", "0", None)
    assert change.rows == frame.filter(AMOUNT == 0).height


def many(seed: int, nodes: int) -> pl.DataFrame:
    """Return five times as many rows a day, of several nodes."""
    random = np.random.default_rng(seed)
    size = DAYS * PER_DAY * 5
    times = [START + timedelta(seconds=float(second)) for second in np.arange(size) / (PER_DAY * 5) * 86_400]
    return pl.DataFrame(
        {
            "at": pl.Series(times).cast(pl.Datetime("us", "UTC")),
            "amount": np.exp(random.normal(6.4, 0.7, size)),
            "level": random.normal(30, 6, size),
            "node": random.choice([f"n{number}" for number in range(nodes)], size),
        }
    )


@pytest.mark.parametrize(("nodes", "conversion"), [(3, "mile -> km"), (8, "pound -> kg")])
def test_a_unit_of_one_node_is_named_though_the_column_as_a_whole_moved_slightly(nodes, conversion):
    factor = next(one.factor for one in CONVERSIONS if one.name == conversion)
    start, end = START + timedelta(days=60), START + timedelta(days=85)
    changed = pl.col("at").is_between(start, end, closed="left") & (NODE == "n2")
    frame = many(2, nodes).with_columns(amount=pl.when(changed).then(AMOUNT * factor).otherwise(AMOUNT))
    found = drift(frame.lazy(), time="at", columns=["amount", "level"])
    assert not {"moderate", "major"} & set(found.table["verdict"])
    (change,) = found.changes
    assert (change.conversion, change.where) == (conversion, ("node", "n2"))
    assert (change.start, change.end) == (start, end)


def test_what_is_missing_of_two_columns_that_one_node_swapped_is_not_told_besides():
    start, end = drawn_days(2)
    changed = pl.col("at").is_between(start, end, closed="left") & (NODE == "n2")
    gaps = pl.col("gaps")
    swapped = rows(2, 5 * PER_DAY).with_columns(
        temperature=pl.when(changed).then(gaps).otherwise(TEMPERATURE),
        gaps=pl.when(changed).then(TEMPERATURE).otherwise(gaps),
    )
    change = one_of(swapped)
    assert (change.kind, set(change.columns)) == ("swapped columns", {"temperature", "gaps"})
    assert change.where == ("node", "n2")
    assert (change.start, change.end) == (start, end)


def test_a_category_of_every_node_that_training_data_lack_is_of_none():
    frame = rows(3)
    reference = Dataset(frame.filter(CITY != "Rome").head(4_000).select("city"), "the training data")
    (change,) = drift(frame.lazy(), time="at", columns=["city"], reference=reference).changes
    assert (change.kind, change.after, change.where) == ("new category", "Rome", None)
    assert change.rows == frame.filter(CITY == "Rome").height


@pytest.mark.parametrize("hours", [2, 12])
def test_what_a_short_reference_has_not_by_chance_is_no_new_category(hours):
    streets = np.random.default_rng(hours).choice([f"street {number}" for number in range(40)], DAYS * PER_DAY)
    frame = rows(2).with_columns(city=pl.Series(streets))
    reference = (START, START + timedelta(hours=hours))
    first = frame.filter(pl.col("at") < reference[1])["city"].n_unique()
    found = drift(frame.lazy(), time="at", columns=["city"], reference=reference)
    assert first < 40
    assert found.changes == ()
    replaced = pl.when(pl.col("at") >= START + timedelta(days=60)).then(pl.lit("Narvik")).otherwise("city")
    (change,) = drift(
        frame.with_columns(city=replaced).lazy(),
        time="at",
        columns=["city"],
        reference=(START, START + timedelta(days=2)),
    ).changes
    assert change.after == "Narvik"


def test_a_category_of_every_node_is_of_none_where_one_of_them_is_small():
    random = np.random.default_rng(2)
    node = random.choice(["n1", "n2", "n3"], DAYS * PER_DAY, p=[0.49, 0.5, 0.01])
    inside = (pl.col("at") >= START + timedelta(days=60)) & pl.Series(random.random(node.size) < 0.08)
    inside &= pl.Series(node != "n2")
    frame = rows(2).with_columns(node=pl.Series(node), city=pl.when(inside).then(pl.lit("Narvik")).otherwise(CITY))
    assert 0 < frame.filter(CITY == "Narvik", NODE == "n3").height < 15
    (change,) = (one for one in found_in(frame).changes if one.kind == "new category")
    assert change.where is None


CONTROLS = {
    "nothing": {},
    "another mixture": {"city": pl.when(pl.col("count") > 3).then(pl.lit("Turku")).otherwise(CITY)},
    "a factor of no unit": {"amount": AMOUNT * 1.45},
    "one node has larger ones": only("n2", AMOUNT * 1.45, "amount"),
    "warmer": {"temperature": TEMPERATURE * 1.2 + 6},
    "a wider spread": {"gaps": pl.col("gaps") * 1.25 + 0.2},
}


@pytest.mark.parametrize("control", CONTROLS)
def test_what_is_no_known_change_is_given_no_name(control):
    frame, *_ = planted(7, **CONTROLS[control])
    assert found_in(frame).changes == ()


@pytest.mark.parametrize("seed", [100, 102, 191])
def test_kilometres_are_told_from_what_is_half_as_large_again(seed):
    factors = {}
    for factor in (1.609344, 1.45):
        frame, *_ = planted(seed, amount=AMOUNT * factor)
        found = drift(frame.lazy(), time="at", columns=["amount"]).changes
        factors[factor] = [one.conversion for one in found]
    assert factors == {1.609344: ["mile -> km"], 1.45: []}


def named_surely(factor: float, seeds: range) -> list[str]:
    """Return the names given to an amount times a factor, where no plain multiple is told beside one."""
    frames = (planted(seed, amount=AMOUNT * factor)[0] for seed in seeds)
    found = [one for frame in frames for one in drift(frame.lazy(), time="at", columns=["amount"]).changes]
    return [one.conversion for one in found if not any(name.startswith("no unit") for name in one.alternatives)]


def test_a_name_that_a_plain_multiple_cannot_be_told_from_says_so():
    frame, *_ = planted(165, amount=AMOUNT * 1.75)
    (change,) = drift(frame.lazy(), time="at", columns=["amount"]).changes
    assert (change.conversion, change.alternatives) == ("nautical mile -> km", ("no unit, times 1.75",))
    ratio = change.evidence["ratio"]
    assert 1.7 < ratio < 1.852
    assert f"multiplied by about {ratio:.3g} (nautical mile -> km or no unit, times 1.75?)" in change.sentence
    assert named_surely(1 / 1.75, range(165, 166)) == []


@pytest.mark.parametrize("factor", [1.609344, 1.852, 1 / 1.852, 2.54, 0.45359237, 0.3048])
def test_the_plain_multiples_beside_a_factor_are_told_from_it_by_more_than_the_tolerance(factor):
    ratio = max(factor, 1 / factor)
    below, above = plain_multiples(ratio)
    assert below < ratio / (1 + 0.03) < ratio * 1.03 < above
    assert all(float(4 * one).is_integer() for one in (below, above))
    assert not [one for one in np.arange(below + 0.25, above, 0.25) if abs(np.log(one / ratio)) > TOLERANCE]


@pytest.mark.soak
@pytest.mark.parametrize("factor", [1.75, 1.5, 1 / 1.75])
def test_what_was_multiplied_by_quarters_is_surely_named_once_in_fifty_at_most(factor):
    assert len(named_surely(factor, range(100, 200))) <= 2


@pytest.mark.soak
@pytest.mark.parametrize("conversion", ["nautical mile -> km", "mile -> km"])
def test_true_factors_are_named_in_nineteen_of_twenty_logs(conversion):
    factor = next(one.factor for one in CONVERSIONS if one.name == conversion)
    frames = (planted(seed, amount=AMOUNT * factor)[0] for seed in range(100, 200))
    named = [drift(frame.lazy(), time="at", columns=["amount"]).changes for frame in frames]
    assert sum([one.conversion for one in found] == [conversion] for found in named) >= 95


@pytest.mark.parametrize("seed", [300, 301, 302])
def test_texts_that_are_swapped_are_no_new_and_no_vanished_categories_besides(seed):
    frame, start, end = planted(seed, city=pl.col("flag"), flag=CITY)
    change = one_of(frame)
    assert (change.kind, change.start, change.end) == ("swapped columns", start, end)
    frame, *_ = planted(seed, **only("n2", pl.col("flag"), "city"), **only("n2", CITY, "flag"))
    change = one_of(frame)
    assert (change.kind, change.where) == ("swapped columns", ("node", "n2"))


@pytest.mark.parametrize("seed", [300, 301, 302])
def test_a_category_that_was_renamed_for_some_days_is_named_so_whatever_the_windows_are(seed):
    frame, start, _ = planted(seed, city=CITY.replace({"Oslo": "OSL"}))
    change = one_of(frame)
    assert (change.kind, change.before, change.after) == ("renamed category", "Oslo", "OSL")
    assert timedelta(0) <= change.start - start < timedelta(days=1)
    change = one_of(planted(seed, city=CITY.str.to_uppercase())[0])
    assert (change.kind, change.before) == ("type changed", "Bern, Oslo, Rome, Turku")


def test_a_category_that_is_missing_instead_is_told_once():
    change = one_of(planted(300, city=CITY.replace({"Oslo": None}))[0])
    assert (change.kind, change.before, change.after) == ("new default", "Oslo", "(missing)")


@pytest.mark.parametrize("seed", [1, 2])
def test_a_feature_that_is_computed_once_a_day_has_no_default_each_day(seed):
    random = np.random.default_rng(seed)
    days, carriers = 35, 6
    means = 0.2 + random.normal(0, 0.03, (days, carriers)).round(4) + 0.1 * (np.arange(days) >= 28)[:, None]
    carrier = random.choice(carriers, (days, 200), p=[0.4, 0.2, 0.15, 0.1, 0.1, 0.05])
    times = [START + timedelta(days=day, minutes=7 * row) for day in range(days) for row in range(200)]
    frame = pl.DataFrame({"at": times, "late_7d": np.take_along_axis(means, carrier, axis=1).ravel()})
    found = drift(frame.lazy(), time="at", columns=["late_7d"])
    assert found.table.filter(verdict="major").height > 0
    assert found.changes == ()


def test_infinite_values_that_stay_are_frozen_and_no_crash():
    frame, start, end = planted(5, amount=pl.lit(float("inf")))
    change = one_of(frame)
    assert (change.kind, change.start, change.end) == ("frozen", start, end)


@pytest.mark.soak
@pytest.mark.parametrize("control", CONTROLS)
def test_false_names_are_rare_over_many_controls(control):
    named = sum(bool(found_in(planted(seed, **CONTROLS[control])[0]).changes) for seed in range(100, 300))
    assert named <= stats.binom(200, 0.01).ppf(0.995)


def test_the_summary_begins_with_what_was_recognised_and_the_result_is_json():
    frame, start, _ = planted(1, amount=AMOUNT * 1000)
    found = found_in(frame)
    assert found.summary()[0] == found.changes[0].sentence
    assert found.summary()[0].startswith(f"amount: from {start:%Y-%m-%d} to ")
    (held,) = json.loads(json.dumps(found.to_dict()))["changes"]
    assert (held["kind"], held["columns"], held["start"]) == ("unit", ["amount"], start.isoformat())
    assert held["kind"] in KINDS


def test_the_distance_of_samples_is_scipys_statistic():
    random = np.random.default_rng(3)
    one, two = random.integers(0, 40, 500).astype(float), random.integers(3, 50, 300).astype(float)
    samples = [Sample.of(values, np.ones(values.size)) for values in (one, two)]
    assert distribution_distance(*samples) == pytest.approx(stats.ks_2samp(one, two).statistic, abs=1e-12)
    deciles = [np.quantile(values, np.arange(1, 10) / 10, method="inverted_cdf") for values in (one, two)]
    quarters = np.quantile(one, [0.25, 0.75], method="inverted_cdf")
    expected = np.abs(deciles[0] - deciles[1]).mean() / (quarters[1] - quarters[0])
    assert decile_distance(*samples) == pytest.approx(expected, abs=1e-12)
