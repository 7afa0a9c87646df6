"""What a person prints of a log's answers speaks to no terminal, whatever the log's writers put into it."""

from __future__ import annotations

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import AuditLabError

ATTACK = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202eb\rc"
#: What a terminal acts on, and what turns the direction of text.
SPEAKING = set("\x00\x07\x08\x0b\x0c\x0e\x1b\x7f\x85\x9b\u202e\u200b")


@pytest.fixture
def log(make_log):
    named = lambda frame: frame.with_columns(
        pl.col("prediction_id").replace({"p-001": ATTACK}), decision=pl.lit(ATTACK), environment=pl.lit(ATTACK)
    )
    return al.open(
        make_log(
            f"log {ATTACK}".replace("\r", ""),
            predictions=named,
            inputs_loans=lambda frame: frame.with_columns(city=pl.lit(ATTACK), prediction_id=frame["prediction_id"]),
            outcomes=lambda frame: frame.with_columns(label=pl.lit(ATTACK)),
            lineage=lambda frame: frame.with_columns(relation=pl.lit(ATTACK), to_node=pl.lit(ATTACK)),
        )
    )


ASKED = {
    "log": lambda log: log,
    "decision": lambda log: log.decision(ATTACK),
    "decisions": lambda log: log.decisions([ATTACK, "p-002", "nowhere" + ATTACK]),
    "replay": lambda log: log.decision("p-002").replay(),
    "batch": lambda log: log.replay(causes=False),
    "coverage": lambda log: log.coverage(),
    "comparable": lambda log: log.decision("p-002").comparable(decided_otherwise=False),
    "explanation": lambda log: log.decision("p-002").explain("shap"),
    "what-if": lambda log: log.decision("p-002").what_if({"income": 1.0}),
    "impact": lambda log: log.impact(al.Correction.unit("income", factor=0.5), groups=("city",)),
    "lineage": lambda log: log.decision("p-002").lineage_graph(),
    "drift": lambda log: log.drift(["city", "income"], every="1d"),
    "attributions": lambda log: log.attributions(version="1"),
    "source": lambda log: log.decision(ATTACK).source_rows(),
    "browse": lambda log: log.browse(),
    "letter": lambda log: log.letter(decision=ATTACK),
}


@pytest.mark.parametrize("name", ASKED)
def test_nothing_of_an_answer_speaks_to_a_terminal(name, log):
    found = ASKED[name](log)
    told = [repr(found)]
    for method in ("summary", "describe"):
        said = getattr(found, method, None)
        if callable(said) and name != "log":
            told += [said()] if isinstance(said(), str) else said()
    assert "".join(told)
    assert [one for one in told if SPEAKING & set(one) or "\r" in one] == []


@pytest.mark.parametrize("name", [name for name in ASKED if name not in {"source", "browse", "letter"}])
def test_the_plain_text_of_a_view_speaks_to_no_terminal(name, log):
    plain = al.view(ASKED[name](log))._repr_mimebundle_()["text/plain"]
    assert plain
    assert not SPEAKING & set(plain)
    assert "\r" not in plain


def test_an_error_speaks_to_no_terminal(log):
    for ask in (lambda: log.decision("nowhere" + ATTACK), lambda: log.find(f"{ATTACK} = 1")):
        with pytest.raises(AuditLabError) as raised:
            ask()
        assert not SPEAKING & set(str(raised.value))
        assert "\\x1b[2J" in str(raised.value)
