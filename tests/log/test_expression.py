"""The text of an expression: what is read, what is refused and with which words. What it means: tests/engines."""

from __future__ import annotations

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.errors import MisuseError
from audit_lab.log.search.expression import Scope, parse_expression
from audit_lab.log.search.expression_nodes import FUNCTIONS

SCOPE = Scope.of(
    {
        "decision": nw.String(),
        "score": nw.Float64(),
        "at": nw.Datetime("us", "UTC"),
        "day": nw.Date(),
        "yes": nw.Boolean(),
        "tags": nw.List(nw.String()),
        "outputs": nw.Struct({"score": nw.Float64()}),
    }
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "No expression was parsed"),
        ("   ", "No expression was parsed"),
        ("decision =", "something is missing at character"),
        ("decision > (1", r"Expecting \), at character"),
        ("1 = 1", "does not test a column"),
        ("TRUE", "does not test a column"),
        ("'decision' = 'late'", "does not test a column"),
        ("decision = 'late'; DROP TABLE predictions", "Unexpected token"),
        ("SELECT 1", "cannot be read"),
        ("decision = (SELECT 1)", "a query inside the expression is not known here"),
        ("EXISTS (SELECT 1 FROM x)", "is not known here"),
        ("decision IN (SELECT decision FROM x)", "not known here"),
        ("read_csv('/etc/passwd') = decision", "the function READ_CSV is not known here"),
        ("read_parquet('/etc/passwd') = decision", "is not known here"),
        ("__import__('os').system('true') = score", "the function __IMPORT__ is not known here"),
        ("eval('1') = score", "the function EVAL is not known here"),
        ("getenv('HOME') = decision", "the function GETENV is not known here"),
        ("SUM(score) > 1", "the function SUM is not known here"),
        ("COUNT(*) > score", "is not known here"),
        ("SUM(score) OVER (PARTITION BY decision) > 1", "is not known here"),
        ("CASE WHEN yes THEN 1 ELSE 2 END = 1", "the function CASE is not known here"),
        ("CAST(score AS TEXT) = 'x'", "a cast is not known here"),
        ("score::text = 'x'", "a cast is not known here"),
        ("DATE decision = day", "a cast is not known here|Unexpected token"),
        ("tags[1] = 'x'", "is not known here"),
        ("score = ?", r"\? is not known here"),
        ("score = :x", "is not known here"),
        ("score = @x", "is not known here"),
        ("score AS x", "Unexpected token"),
        ("*", "is not known here"),
        ("decision LIKE 'x' ESCAPE '!'", "is not known here"),
        ("decision REGEXP '(a+)+$'", "the function .* is not known here"),
        ("score = ANY(tags)", "is not known here"),
        ("at > NOW()", "is not known here"),
        ("at > CURRENT_TIMESTAMP", "is not known here"),
        ("at > at - INTERVAL '1' DAY", "is not known here"),
        ("x -> x > 1", "not known here"),
        ("score > 1 /* \x00 */ \x00", "cannot be read"),
    ],
)
def test_what_is_no_expression_is_refused(text, reason):
    with pytest.raises(MisuseError, match=f"(?s)^the expression .*({reason})"):
        parse_expression(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense > 3", "there is no column nonsense"),
        ("Decision = 'late'", "there is no column Decision"),
        ("outputs.nonsense > 3", "there is no column outputs.nonsense"),
        ("decision.x = 'late'", "there is no column decision.x"),
        ("a.b.c.d.e.f = 'late'", "there is no column a.b.c.d.e.f"),
        ("decision > 3", "cannot compare text with a number"),
        ("3 < decision", "cannot compare a number with text"),
        ("decision = yes", "cannot compare text with true or false"),
        ("score = '1'", "cannot compare a number with text"),
        ("score IN (1, '2')", "cannot compare a number with text"),
        ("yes > FALSE", "cannot compare true or false"),
        ("tags = 'x'", r"cannot compare List\(String\) with text"),
        ("outputs = 1", "cannot compare Struct"),
        ("score = NULL", "nothing equals NULL; write IS NULL"),
        ("score IN (1, NULL)", "nothing equals NULL"),
        ("score = 1e999", "a number is too large"),
        ("score AND yes", "score gives a number, where true or false is needed"),
        ("NOT decision", "decision gives text, where true or false is needed"),
        ("score IS TRUE", "IS needs NULL, TRUE or FALSE"),
        ("decision + 1 = 2", "needs a number, not text"),
        ("score % 0 = 1", "a remainder needs a number other than 0"),
        ("score % score = 1", "a remainder needs a number other than 0"),
        ("score LIKE '1%'", "score is a number, where text is needed"),
        ("decision LIKE decision", "needs text in single quotes"),
        ("LENGTH(score) = 1", "score is a number, where text is needed"),
        ("COALESCE(score, decision) = 1", "COALESCE needs values of one kind"),
        ("EXTRACT(HOUR FROM decision) = 1", "HOUR of text is not known"),
        ("EXTRACT(EPOCH FROM at) = 1", "EPOCH of a time is not known"),
        ("at > 'yesterday'", "'yesterday' is not a time"),
        ("at = 3", "cannot compare a time with a number"),
        ("day = '2024-13-01'", "'2024-13-01' is not a date"),
        ("at > TIMESTAMP 'noon'", "'noon' is not a time"),
    ],
)
def test_what_does_not_fit_the_columns_is_refused(text, reason):
    with pytest.raises(MisuseError, match=f"(?s)does not fit this log .*{reason}.*Columns: decision, score, at"):
        parse_expression(text).bind(SCOPE)


@pytest.mark.parametrize(
    ("text", "gives"), [("score", "a number"), ("decision", "text"), ("tags", "List"), ("score + 1", "a number")]
)
def test_what_is_not_true_or_false_is_refused(text, gives):
    with pytest.raises(MisuseError, match=f"gives {gives}.*, not true or false"):
        parse_expression(text).bind(SCOPE)


@pytest.mark.parametrize(
    "text", ["0..0", "0.5.a = 1", "'a'.b = 1", "LOWER(decision).b = 1", "outputs.0 = 1", "a.(b) = 1"]
)
def test_dots_stand_between_names_only(text):
    with pytest.raises(MisuseError, match='is no name of a column.*in double quotes: inputs."0"'):
        parse_expression(text)


def test_columns_are_known_before_anything_is_bound():
    expression = parse_expression(
        "inputs.a.b > 1 AND (decision = 'x' OR \"odd name\".y IS NULL) AND NOT score IN (1, 2)"
    )
    assert expression.paths == {("inputs", "a", "b"), ("decision",), ("odd name", "y"), ("score",)}
    assert expression.speaks_of("inputs")
    assert not expression.speaks_of("a")


def test_what_is_quoted_is_a_name_and_what_is_in_single_quotes_is_text():
    rows = pl.LazyFrame({"odd name": ["it's", "x"], "select": [1, 2]})
    scope = Scope.of(dict(nw.from_native(rows).collect_schema()))
    condition = parse_expression("\"odd name\" = 'it''s' AND \"select\" = 1").bind(scope)
    assert nw.from_native(rows).filter(condition).collect().to_native().rows() == [("it's", 1)]


@pytest.mark.parametrize(
    "text",
    ["(" * 50_000, "(" * 4_000 + "score = 1" + ")" * 4_000, "NOT " * 5_000 + "yes", "-" * 5_000 + "score = 1"],
    ids=["open", "parentheses", "NOT", "minus"],
)
def test_what_nests_too_deep_is_refused(text):
    with pytest.raises(MisuseError, match="the expression"):
        parse_expression(text).bind(SCOPE)


def test_what_is_too_long_is_refused():
    with pytest.raises(MisuseError, match=r"has 20,001 characters.*at most 20,000"):
        parse_expression("score = 1" + " " * 19_992)
    with pytest.raises(MisuseError, match=r"has [0-9,]+ parts.*at most 2,000"):
        parse_expression(" OR ".join(["yes"] * 2_000))


def test_a_list_of_a_thousand_texts_is_no_problem():
    texts = ", ".join(f"'p-{number}'" for number in range(1_000))
    rows = pl.LazyFrame({"decision": ["p-7", "p-1000"]})
    scope = Scope.of(dict(nw.from_native(rows).collect_schema()))
    condition = parse_expression(f"decision IN ({texts})").bind(scope)
    assert nw.from_native(rows).filter(condition).collect().to_native()["decision"].to_list() == ["p-7"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_that_is_offered_is_known(function):
    call = {
        "COALESCE(x, y, ...)": "COALESCE(score, 1) = 1",
        "EXTRACT(YEAR | MONTH | DAY | HOUR | MINUTE | SECOND FROM time)": "EXTRACT(YEAR FROM at) = 2024",
        "ABS(x)": "ABS(score) = 1",
        "ISNAN(x)": "ISNAN(score)",
        "LENGTH(text)": "LENGTH(decision) = 4",
    }.get(function)
    if call is None:
        name = function.partition("(")[0]
        call = f"{name}(decision) = 'x'" if name in {"LOWER", "UPPER"} else f"{name}(decision, 'x')"
    assert isinstance(parse_expression(call).bind(SCOPE), nw.Expr)


@given(st.text(max_size=60))
def test_whatever_is_written_it_is_read_or_refused(text):
    message = "the expression"
    try:
        parse_expression(text).bind(SCOPE)
    except MisuseError as error:
        message = str(error)
    assert message.startswith("the expression")


@given(st.text(alphabet="%_a\\.*+()[]^$|\n -é", max_size=8), st.text(alphabet="a\\.*+()[]^$|\n -é", max_size=8))
def test_a_pattern_stands_for_itself_but_for_percent_and_underscore(pattern, text):
    """Compared with a definition by recursion."""

    def holds(pattern, text):
        if not pattern:
            return not text
        if pattern[0] == "%":
            return any(holds(pattern[1:], text[place:]) for place in range(len(text) + 1))
        return bool(text) and pattern[0] in {"_", text[0]} and holds(pattern[1:], text[1:])

    rows = nw.from_native(pl.LazyFrame({"decision": [text]}))
    quoted = pattern.replace("'", "''")
    condition = parse_expression(f"decision LIKE '{quoted}'").bind(SCOPE)
    assert rows.filter(condition).collect().shape[0] == int(holds(pattern, text))
