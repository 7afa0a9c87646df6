"""A column gives the order that its values have when all of them are sorted, however it is kept."""

from __future__ import annotations

import random

import polars as pl
import pytest

from audit_lab.errors import LogError
from audit_lab.log.browse.coded_text import MOST_CODED, coded_text
from audit_lab.log.browse.column_values import ColumnValues, values_in_order
from audit_lab.log.browse.columns import BrowsedColumn
from audit_lab.log.browse.ranking import Ranking
from audit_lab.log.browse.sort_keys import MOST_TEXT_BYTES
from audit_lab.log.browse.stored_rows import StoredRows
from audit_lab.log.store import open_store


def held(values: pl.Series) -> ColumnValues:
    return ColumnValues(values.alias("value").to_frame().lazy, values.len(), "values")


def counted_part(value: str | None, common: int) -> bytes | None:
    """Return the part of a text by which it is sorted, as docs/explorer.md says."""
    return None if value is None else value.encode()[: common + MOST_TEXT_BYTES].rstrip(b"\0")


def in_order(values: pl.Series, common: int, *, descending: bool) -> list[int]:
    parts = [counted_part(value, common) for value in values.to_list()]
    valued = [row for row, part in enumerate(parts) if part is not None]
    valued.sort(key=lambda row: parts[row] or b"", reverse=descending)  # equal ones keep their order
    return valued + [row for row, part in enumerate(parts) if part is None]


def texts(kind: str, count: int) -> tuple[pl.Series, int]:
    """Return text of many different values, and how many bytes all have in common."""
    generator = random.Random(11)
    made: list[str | None] = {
        "short": lambda: [f"{generator.randrange(10**6):x}" for _ in range(count)],
        "a few bytes in common": lambda: [f"c{generator.randrange(10**6):08}" for _ in range(count)],
        "long": lambda: ["ab" + "x" * generator.randrange(80) + f"{generator.randrange(10**5)}" for _ in range(count)],
        "beyond what counts": lambda: ["a" * 66 + f"{generator.randrange(10**5)}" for _ in range(count - 1)] + ["aab"],
        "a long common beginning": lambda: [f"https://example.org/{generator.randrange(10**6)}" for _ in range(count)],
        "zeros": lambda: [f"{row}" + "\0" * generator.randrange(3) for row in range(count)],
        "one that ends early": lambda: ["ab", *(f"ab\0{row}" for row in range(count - 1))],
        "gaps": lambda: [None if row % 3 else f"{generator.randrange(10**6)}" for row in range(count)],
        "script": lambda: [chr(0x3B1 + row % 24) * (row % 7) + str(row) for row in range(count)],
    }[kind]()
    raw = [value.encode() for value in made if value is not None]
    least, most = min(raw), max(raw)
    common = next((place for place, (one, two) in enumerate(zip(least, most, strict=False)) if one != two), len(least))
    return pl.Series(made, dtype=pl.String), common


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    "kind",
    [
        *("short", "a few bytes in common", "long", "beyond what counts", "a long common beginning"),
        *("zeros", "one that ends early", "gaps", "script"),
    ],
)
def test_text_of_many_values_is_in_the_order_of_the_bytes_that_count(kind: str, *, descending: bool) -> None:
    values, common = texts(kind, 3 * MOST_CODED + 7)
    column = held(values)
    assert column.coded is None
    order = Ranking(None, column.keys, column.levels, column.nulls, descending)
    expected = in_order(values, common, descending=descending)
    for first in (0, 17, len(expected) // 2, len(expected) - 30):
        assert order.page(first, 40).tolist() == expected[first : first + 40]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    "different",
    [
        ["late", "on time", None],
        ["é", "e", "z", "Z", "", None],
        ["a\0", "a", "b"],
        ["x" * 70 + "a", "x" * 70 + "b", "x" * 3 + "y"],
        [None],
        ["only"],
    ],
)
def test_text_of_few_values_is_kept_as_codes_in_the_same_order(
    different: list[str | None], *, descending: bool
) -> None:
    generator = random.Random(3)
    values = pl.Series([generator.choice(different) for _ in range(5_000)], dtype=pl.String)
    column = held(values)
    coded = column.coded
    assert coded is not None
    assert coded.text().to_list() == values.to_list()
    raw = [value.encode() for value in values if value is not None]
    least, most = min(raw, default=b""), max(raw, default=b"")
    common = next((place for place, (one, two) in enumerate(zip(least, most, strict=False)) if one != two), len(least))
    order = Ranking(None, column.keys, column.levels, column.nulls, descending)
    assert order.page(0, 5_000).tolist() == in_order(values, common, descending=descending)


def test_values_that_differ_late_are_not_kept_as_codes() -> None:
    same, different = pl.Series(["a"] * 10), pl.Series([str(row) for row in range(MOST_CODED + 1)])
    assert coded_text([same, different], same.len() + different.len()) is None
    coded = coded_text([same, different[:100]], 110)
    assert coded is not None
    assert coded.different == tuple(sorted({"a", *(str(row) for row in range(100))}))


def test_codes_say_where_something_holds() -> None:
    values = pl.Series(["b", None, "a", "b", "c"])
    coded = coded_text([values[:2], values[2:]], 5)
    assert coded is not None
    assert coded.where(lambda text: text.is_in(["b", "c"])).tolist() == [True, False, False, True, True]
    assert coded.where(lambda text: text.is_null()).tolist() == [False, True, False, False, False]


@pytest.mark.parametrize(
    "ask",
    [
        lambda values: values.is_kept,
        lambda values: values.coded,
        lambda values: values.values(),
        lambda values: values.keys(0),
    ],
    ids=["its type", "its codes", "its values", "its order"],
)
def test_a_file_that_is_damaged_before_its_column_is_read_is_named(make_log, ask):
    folder = make_log()
    store = open_store(folder)
    column = BrowsedColumn("environment", pl.String())
    values = ColumnValues(values_in_order(store, column, (), StoredRows(store, "predictions")), 40, "environment")
    segment = next((folder / "predictions").glob("*.parquet"))
    segment.write_bytes(b"PAR1" + b"\x00" * (segment.stat().st_size - 8) + b"PAR1")
    with pytest.raises(LogError, match=segment.name):
        ask(values)
