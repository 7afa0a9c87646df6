"""Impact equals what comes out where every decision is corrected and taken again by hand."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

import audit_lab as al

from .conftest import CITIES, ROWS, RULES, START

ROMAN = [{"name": "roman", "when": "inputs.city = 'Rome'", "decision": "deny"}]


class ByHand(NamedTuple):
    """A correction as the library takes it, and as this test makes it: `apply` changes a row, or its state."""

    change: Any
    apply: Any


class Drawing:
    """Draws corrections of any kind, some of them for a range of time."""

    def __init__(self, draw, generated):
        self.draw, self.rows = draw, generated.rows
        early, late = draw.randrange(ROWS // 2), draw.randrange(ROWS // 2, ROWS)
        self.since = START + timedelta(hours=early) if draw.random() < 0.4 else None
        self.until = START + timedelta(hours=late) if draw.random() < 0.4 else None
        self.limits = {"since": self.since, "until": self.until}

    def within(self, row):
        after = self.since is None or row["occurred_at"] >= self.since
        return after and (self.until is None or row["occurred_at"] < self.until)

    def unit(self):
        name, factor = self.draw.choice(["income", "years"]), self.draw.choice([0.1, 0.5, 2.0, 10.0])

        def apply(row, recorded, state):
            if row[name] is not None and self.within(row) and recorded["city"] == "Oslo":
                row[name] = row[name] * factor

        return ByHand(al.Correction.unit(name, factor=factor, where="inputs.city = 'Oslo'", **self.limits), apply)

    def missing(self):
        name, value = self.draw.choice([("income", 2_500.0), ("years", 1), ("city", "Rome")])

        def apply(row, recorded, state):
            if row[name] is None and self.within(row):
                row[name] = value

        return ByHand(al.Correction.missing(name, value, **self.limits), apply)

    def recode(self):
        mapping = self.draw.choice([{"Roma": "Rome"}, {"Bern": "Oslo", "Oslo": "Bern"}, {"Rome": None}])

        def apply(row, recorded, state):
            if self.within(row):
                row["city"] = mapping.get(row["city"], row["city"])

        return ByHand(al.Correction.recode("city", mapping, **self.limits), apply)

    def values(self):
        draw = self.draw
        ids = [row["prediction_id"] for row in self.rows if draw.random() < 0.8]
        incomes = {each: None if draw.random() < 0.1 else round(draw.uniform(1_000, 9_500), 2) for each in ids}

        def apply(row, recorded, state):
            if self.within(row) and row["prediction_id"] in incomes:
                row["income"] = incomes[row["prediction_id"]]
            elif self.within(row):
                state["fallen"] = "replacement-missing"

        frame = pl.DataFrame(
            {"prediction_id": ids, "income": list(incomes.values())}, schema_overrides={"income": pl.Float64}
        )
        return ByHand(al.Correction.values(frame, "the feature store", **self.limits), apply)

    def threshold(self):
        value = self.draw.choice([0.2, 0.4, 0.6])

        def apply(row, recorded, state):
            if self.within(row) and recorded["environment"] == "canary":
                state["threshold"] = value

        return ByHand(al.Correction.threshold(value, where="environment = 'canary'", **self.limits), apply)

    def version(self):
        name = self.draw.choice("12")

        def apply(row, recorded, state):
            state.update(version=name, rules=RULES[name], threshold=None)

        return ByHand(al.Correction.version(name), apply)

    def rules(self):
        return ByHand(al.Correction.rules(ROMAN), lambda row, recorded, state: state.update(rules=ROMAN))

    def rules_of(self):
        name = self.draw.choice("12")
        return ByHand(al.Correction.rules_of(name), lambda row, recorded, state: state.update(rules=RULES[name]))

    def without_rule(self):
        def apply(row, recorded, state):
            state["rules"] = [rule for rule in state["rules"] if rule["name"] != "newcomer"]

        return ByHand(al.Correction.without_rule("newcomer"), apply)


KINDS = ("unit", "missing", "recode", "values", "threshold", "version", "rules", "rules_of", "without_rule")


def drawn(draw, generated):
    return getattr(Drawing(draw, generated), draw.choice(KINDS))()


def by_hand(generated, changes):
    """Return what each prediction comes to: why it is not decided, or score and decision before and after."""
    corrected, states = [], []
    for recorded in generated.rows:
        row = dict(recorded)
        version = recorded["version"]
        state = {"version": version, "rules": RULES[version], "threshold": recorded["threshold"]}
        for change in changes:
            change.apply(row, recorded, state)
        corrected.append(row)
        states.append(state)
    scores = {name: each.scores(corrected) for name, each in generated.versions.items()}
    told = {}
    for number, (recorded, row, state) in enumerate(zip(generated.rows, corrected, states, strict=True)):
        name = recorded["prediction_id"]
        code = generated.fallen.get(name) or state.get("fallen")
        runs = generated.versions[state["version"]]
        score = scores[state["version"]][number]
        decision = runs.decide(row, score, state["threshold"], state["rules"])[1]
        told[name] = code or (recorded["score"], score, recorded["decision"], decision)
    return told


@pytest.mark.parametrize("seed", range(14))
def test_impact_is_what_comes_out_by_hand(generate, seed):
    generated = generate(seed)
    draw = random.Random(1_000 + seed)
    changes = [drawn(draw, generated) for _ in range(draw.randint(1, 3))]
    told = by_hand(generated, changes)
    impact = generated.log.impact([each.change for each in changes], groups=("model_version", "city", "environment"))
    decided = {name: each for name, each in told.items() if not isinstance(each, str)}
    affected = {name: each for name, each in decided.items() if each[2] != each[3]}
    columns = ("prediction_id", "score_before", "score_after", "decision_before", "decision_after")
    assert {row[0]: row[1:] for row in impact.affected.select(columns).iter_rows()} == affected
    assert impact.affected["prediction_id"].to_list() == sorted(affected)
    assert dict(impact.not_decided.select("prediction_id", "code").iter_rows()) == {
        name: each for name, each in told.items() if isinstance(each, str)
    }
    assert (impact.counts.predictions, impact.counts.decided, impact.counts.affected) == (
        ROWS,
        len(decided),
        len(affected),
    )
    rows = {row["prediction_id"]: row for row in generated.rows}
    subjects = Counter(rows[name]["subject_id"] for name in affected) - Counter({None: ROWS})
    assert dict(impact.by_subject.select("subject_id", "affected").iter_rows()) == dict(subjects)
    cities = Counter(rows[name]["city"] for name in affected)
    by_city = impact.by_group.filter(group="city")
    assert {value: count for value, count in by_city.select("value", "affected").iter_rows() if count} == dict(cities)
    assert set(by_city["value"]) == {*CITIES, "Roma", None}
    directions = Counter((each[2], each[3]) for each in affected.values())
    assert {tuple(row[:2]): row[2] for row in impact.directions.iter_rows()} == dict(directions)
    put_right = [name for name, each in affected.items() if rows[name].get("overridden_to") == each[3]]
    assert impact.affected.filter("is_put_right")["prediction_id"].to_list() == sorted(put_right)
    overridden = [name for name in affected if "overridden_to" in rows[name]]
    assert impact.affected.filter("is_overridden")["prediction_id"].to_list() == sorted(overridden)
    moved = np.array([each[1] - each[0] for each in decided.values() if each[1] != each[0]])
    assert impact.score_shifts["moved"] == moved.size
    if moved.size:
        assert (impact.score_shifts["lowest"], impact.score_shifts["highest"]) == (moved.min(), moved.max())
        median = np.quantile(moved, 0.5, method="lower")
        assert impact.score_shifts["median"] == pytest.approx(median, rel=0.001)


def test_each_kind_of_generated_correction_does_affect_decisions(generate):
    affected = []
    for kind in KINDS:
        generated = generate(100 + KINDS.index(kind))
        told = by_hand(generated, [getattr(Drawing(random.Random(1), generated), kind)()])
        affected.append(sum(not isinstance(each, str) and each[2] != each[3] for each in told.values()))
    assert min(affected) >= 1, dict(zip(KINDS, affected, strict=True))
