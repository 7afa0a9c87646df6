"""What an expression means: the same rows on every engine, whatever the values."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from audit_lab.log.engines.answers import collected
from audit_lab.log.search.expression import Scope, parse_expression

AT = datetime(2024, 3, 4, 23, 59, 59, 999_999, tzinfo=UTC)
NAN = math.nan
ROWS = pl.DataFrame(
    {
        "row": [0, 1, 2, 3, 4, 5],
        "text": ["Oslo", "oslo", "50% off", "a_b\nc", "Zürich", None],
        "number": [1.5, -0.0, NAN, math.inf, -math.inf, None],
        "other": [0.0, 0.0, NAN, 1.0, 2.0, 3.0],
        "whole": [2**53 + 1, -7, 0, 7, 8, None],
        "at": [AT, datetime(2024, 3, 5, tzinfo=UTC), datetime(1969, 12, 31, 22, tzinfo=UTC), AT, AT, None],
        "yes": [True, False, None, True, False, None],
        "outputs": [{"score": row / 4, "label": "bad" if row % 2 else "good"} for row in range(6)],
    },
    schema_overrides={"at": pl.Datetime("us", "UTC")},
).with_columns(
    single=pl.Series([0.1, 0.2, 0.3, NAN, None, 16_777_216.0], dtype=pl.Float32),
    tiny=pl.Series([1, 2, 3, -128, 127, None], dtype=pl.Int8),
    day=pl.Series([date(2024, 2, 29), date(2024, 3, 1), None, date(1, 1, 1), date(2024, 3, 1), date(2024, 3, 4)]),
    exact=pl.Series([Decimal("0.10"), Decimal("0.20"), None, Decimal("-1.00"), Decimal("99.99"), Decimal("0.30")]),
    kind=pl.Series(["x", "y", "x", None, "z", "x"], dtype=pl.Categorical),
)

#: An expression, and the rows for which it is true.
MEANINGS: list[tuple[str, list[int]]] = [
    ("text = 'Oslo'", [0]),
    ("text == 'Oslo' OR text = 'oslo'", [0, 1]),
    ("text <> 'Oslo'", [1, 2, 3, 4]),
    ("NOT text = 'Oslo'", [1, 2, 3, 4]),
    ("text > 'Oslo'", [1, 3, 4]),
    ("text IS NULL", [5]),
    ("text IS NOT NULL AND number IS NOT NULL", [0, 1, 2, 3, 4]),
    ("text IN ('oslo', 'Zürich', 'Bern')", [1, 4]),
    ("text NOT IN ('oslo', 'Zürich')", [0, 2, 3]),
    ("text LIKE 'Os%'", [0]),
    ("text LIKE '%lo'", [0, 1]),
    ("text LIKE '%s%'", [0, 1]),
    ("text LIKE 'a_b%'", [3]),
    ("text LIKE '__lo'", [0, 1]),
    ("text LIKE 'a%c'", [3]),
    ("text NOT LIKE '%o%'", [3, 4]),
    ("text ILIKE 'OS%'", [0, 1]),
    ("STARTS_WITH(text, '50%')", [2]),
    ("ENDS_WITH(text, 'c')", [3]),
    ("CONTAINS(text, '_')", [3]),
    ("LOWER(text) = 'oslo'", [0, 1]),
    ("UPPER(text) = 'OSLO'", [0, 1]),
    ("LENGTH(text) = 6", [4]),
    ("COALESCE(text, 'none') = 'none'", [5]),
    ("kind = 'x' AND text IS NOT NULL", [0, 2]),
    ("number > 1", [0, 2, 3]),
    ("number = 0", [1]),
    ("number < 0", [4]),
    ("number = other", [1, 2]),
    ("number >= other", [0, 1, 2, 3]),
    ("ISNAN(number)", [2]),
    ("NOT ISNAN(number)", [0, 1, 3, 4]),
    ("number IS DISTINCT FROM other", [0, 3, 4, 5]),
    ("number IS NOT DISTINCT FROM NULL OR number = 1.5", [0, 5]),
    ("number / other > 1", [0, 1, 2, 3]),
    ("1 / whole > 0", [0, 2, 3, 4]),
    ("number + other = 1.5", [0]),
    ("whole - 1 = 7", [4]),
    ("whole * 2 = -14", [1]),
    ("-whole = 7", [1]),
    ("ABS(whole) = 7", [1, 3]),
    ("whole % 5 = 3", [1, 4]),
    ("whole = 9007199254740993", [0]),
    ("whole = 9007199254740992", []),
    ("whole > 7.5", [0, 4]),
    ("whole < 99999999999999999999", [0, 1, 2, 3, 4]),
    ("whole BETWEEN 0 AND 7", [2, 3]),
    ("whole NOT BETWEEN 0 AND 7", [0, 1, 4]),
    ("whole IN (0, 8, 2.5)", [2, 4]),
    ("single = 0.1", [0]),
    ("single > 0.2", [2, 3, 5]),
    ("single IN (0.2, 0.3)", [1, 2]),
    ("tiny < 300", [0, 1, 2, 3, 4]),
    ("tiny + 1 = 128", [4]),
    ("exact = 0.1", [0]),
    ("exact + exact > 0.5", [4, 5]),
    ("yes", [0, 3]),
    ("NOT yes", [1, 4]),
    ("yes IS NOT TRUE", [1, 2, 4, 5]),
    ("yes IS FALSE", [1, 4]),
    ("yes = FALSE", [1, 4]),
    ("yes OR tiny = 3", [0, 2, 3]),
    ("yes AND number IS NULL", []),
    ("at >= '2024-03-05'", [1]),
    ("at < '2024-03-05'", [0, 2, 3, 4]),
    ("at = '2024-03-04T23:59:59.999999+00:00'", [0, 3, 4]),
    ("at = TIMESTAMP '2024-03-05 00:00:00'", [1]),
    ("at >= '2024-03-05T01:00+01:00'", [1]),
    ("at < DATE '1970-01-01'", [2]),
    ("EXTRACT(HOUR FROM at) = 22", [2]),
    ("EXTRACT(YEAR FROM at) < 2000", [2]),
    ("EXTRACT(MINUTE FROM at) = 59 AND EXTRACT(SECOND FROM at) = 59 AND EXTRACT(MONTH FROM at) = 3", [0, 3, 4]),
    ("EXTRACT(DAY FROM day) = 29", [0]),
    ("day = '2024-03-01'", [1, 4]),
    ("day < DATE '2024-01-01'", [3]),
    ("outputs.score >= 0.75 AND outputs.label = 'bad'", [3, 5]),
    ("inputs.age > 2", [3, 4, 5]),
    ('"inputs"."age" = 5 OR inputs . age = 0', [0, 5]),
]


@pytest.fixture(scope="module")
def answers(engine) -> dict[str, list[int]]:
    """Ask all of it at once: on Spark each question costs a job."""
    frame = engine.local(ROWS.with_columns(pl.col("row").alias("inputs/age")))
    dtypes = dict(frame.collect_schema())
    scope = Scope({**{(name,): name for name in dtypes}, ("inputs", "age"): "inputs/age"}, dtypes)
    asked = {f"q{place}": parse_expression(text).bind(scope) for place, (text, _) in enumerate(MEANINGS)}
    truth = collected(frame.select("row", *(expr.alias(name) for name, expr in asked.items())), "the rows").sort("row")
    return {text: truth.filter(pl.col(f"q{place}"))["row"].to_list() for place, (text, _) in enumerate(MEANINGS)}


@pytest.mark.parametrize(("text", "rows"), MEANINGS, ids=[text for text, _ in MEANINGS])
def test_an_expression_holds_for_the_same_rows(answers, text, rows):
    assert answers[text] == rows
