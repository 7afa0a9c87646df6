"""The rows of a page are those that a whole sort would put there, for every type of column."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.errors import MisuseError
from audit_lab.log.browse.ranking import Ranking
from audit_lab.log.browse.sort_keys import MOST_TEXT_BYTES, key_levels, keys_of

FLOATS = [0.0, -0.0, 1.5, -2.0, float("nan"), float("inf"), float("-inf"), 5e-324, -5e-324, None]
VALUES: dict[str, tuple[Any, list[Any]]] = {
    "floats": (pl.Float64(), FLOATS),
    "singles": (pl.Float32(), [0.1, -0.1, 3.4e38, float("nan"), None]),
    "integers": (pl.Int64(), [0, -1, 1, 2**63 - 1, -(2**63), None]),
    "unsigned": (pl.UInt64(), [0, 1, 2**64 - 1, 2**63, None]),
    "small": (pl.Int8(), [-128, 127, 0, None]),
    "wide": (pl.Int128(), [0, -1, 2**64, -(2**64), 2**100, 2**100 + 1, None]),
    "decimals": (pl.Decimal(38, 4), [Decimal("1.5"), Decimal("-1.5"), Decimal("99999999999999999999.0001"), None]),
    "truths": (pl.Boolean(), [True, False, None]),
    "days": (pl.Date(), [dt.date(2015, 1, 1), dt.date(1900, 1, 1), None]),
    "times": (
        pl.Datetime("us", "UTC"),
        [dt.datetime(2015, 7, 1, tzinfo=dt.UTC), dt.datetime(1960, 1, 1, tzinfo=dt.UTC)],
    ),
    "text": (pl.String(), ["", "a", "ab", "é" * 9, "z" * 20, "z" * 19 + "y", "\U0001f600", None]),
}


def ranking(values: pl.Series, *, rows: np.ndarray | None = None, descending: bool = False) -> Ranking:
    longest = int(values.str.len_bytes().max() or 0) if values.dtype == pl.String else 0  # type: ignore[arg-type]
    nulls = values.is_null().to_numpy() if values.null_count() else None
    levels = key_levels(values.dtype, longest)
    return Ranking(rows, lambda level: keys_of(values, level), levels, nulls, descending)


def sorted_rows(values: pl.Series, *, descending: bool = False) -> list[int]:
    frame = values.to_frame("v").with_row_index("row")
    return frame.sort("v", descending=descending, nulls_last=True, maintain_order=True)["row"].to_list()


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("kind", VALUES)
@settings(max_examples=20)
@given(data=st.data())
def test_every_page_is_the_slice_of_the_whole_order(kind: str, *, descending: bool, data: st.DataObject) -> None:
    dtype, known = VALUES[kind]
    drawn = data.draw(st.lists(st.sampled_from(known), max_size=30))
    values = pl.Series("v", drawn, dtype=dtype)
    first = data.draw(st.integers(0, 32))
    count = data.draw(st.integers(0, 32))
    expected = sorted_rows(values, descending=descending)[first : first + count]
    assert ranking(values, descending=descending).page(first, count).tolist() == expected


@given(
    st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40), max_size=20),
    st.integers(0, 20),
    st.integers(0, 20),
)
def test_text_of_any_length_and_script(drawn: list[str], first: int, count: int) -> None:
    values = pl.Series("v", drawn, dtype=pl.String)
    if any(len(each.encode()) > MOST_TEXT_BYTES for each in drawn):
        return
    assert ranking(values).page(first, count).tolist() == sorted_rows(values)[first : first + count]


def test_a_common_beginning_is_passed_over() -> None:
    values = pl.Series("v", ["flight-2015-b", "flight-2015-a", "flight-2015-c"])
    order = Ranking(None, lambda level: keys_of(values, level, common=12), key_levels(values.dtype, 1))
    assert order.page(0, 3).tolist() == [1, 0, 2]


def test_zeros_at_the_end_of_a_text_do_not_count() -> None:
    assert ranking(pl.Series("v", ["a\0", "a"])).page(0, 2).tolist() == [0, 1]


def test_only_the_rows_that_are_ranked_count() -> None:
    values = pl.Series("v", [5.0, 4.0, None, 2.0, 1.0])
    assert ranking(values, rows=np.array([0, 2, 3])).page(0, 5).tolist() == [3, 0, 2]
    assert ranking(values, rows=np.array([0, 2, 3]), descending=True).page(1, 5).tolist() == [3, 2]


def test_beyond_the_bytes_that_count_text_stays_in_stored_order() -> None:
    same = "x" * MOST_TEXT_BYTES
    values = pl.Series("v", [same + "b", same + "a"])
    assert ranking(values).page(0, 2).tolist() == [0, 1]


def test_what_has_no_order_is_refused() -> None:
    with pytest.raises(MisuseError, match="no order to be sorted by"):
        key_levels(pl.List(pl.Int64()))


def test_a_middle_page_of_many_equal_rows_is_theirs_in_stored_order() -> None:
    values = pl.Series("v", [True, False] * 50_000)
    assert ranking(values).page(25_000, 3).tolist() == [50_001, 50_003, 50_005]
    assert ranking(values).page(49_999, 3).tolist() == [99_999, 0, 2]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("kind", ["distinct", "few", "one", "skewed", "periodic"])
def test_pages_of_many_rows_are_found_through_a_sample(kind: str, *, descending: bool) -> None:
    count, random = 300_000, np.random.default_rng(5)
    drawn = {
        "distinct": random.permutation(count),
        "few": random.integers(0, 3, count),
        "one": np.zeros(count),
        "skewed": np.where(random.random(count) < 0.001, random.integers(0, count, count), 7),
        "periodic": np.arange(count) % 1_000,
    }[kind]
    values = pl.Series("v", drawn)
    expected = np.array(sorted_rows(values, descending=descending))
    order = ranking(values, descending=descending)
    for first in (0, 1, 1_234, count // 3, count // 2, count - 41, count - 1):
        assert order.page(first, 40).tolist() == expected[first : first + 40].tolist()
    some = np.flatnonzero(random.random(count) < 0.9)
    left = np.isin(expected, some)
    narrowed = ranking(values, rows=some, descending=descending)
    assert narrowed.page(100_000, 40).tolist() == expected[left][100_000:100_040].tolist()


def test_a_sample_that_misleads_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit_lab.log.browse.ranking._MARGIN", -300)
    values = pl.Series("v", np.random.default_rng(3).permutation(250_000))
    assert ranking(values).page(1_000, 2).tolist() == sorted_rows(values)[1_000:1_002]
