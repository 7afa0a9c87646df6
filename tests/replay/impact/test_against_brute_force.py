"""Impact equals what comes out where every decision is corrected and taken again by hand."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

import audit_lab as al

from .conftest import CITIES, ROWS, RULES, START

ROMAN = [{"name": "roman", "when": "inputs.city = 'Rome'", "decision": "deny"}]


class ByHand:
    """A correction, as the library takes it and as this test makes it."""

    def __init__(self, change, apply):
        self.change = change
        self.apply = apply


def within(row, since, until):
    return (since is None or row["occurred_at"] >= since) and (until is None or row["occurred_at"] < until)


def drawn(draw, generated):
    """Return one correction of any kind, with a time range or a condition now and then."""
    since = START + timedelta(hours=draw.randrange(ROWS // 2)) if draw.random() < 0.4 else None
    until = START + timedelta(hours=draw.randrange(ROWS // 2, ROWS)) if draw.random() < 0.4 else None
    kind = draw.choice(["unit", "missing", "recode", "values", "threshold", "version", "rules", "rules_of", "without"])
    limits = {"since": since, "until": until}
    if kind == "unit":
        factor = draw.choice([0.1, 0.5, 2.0, 10.0])
        name = draw.choice(["income", "years"])

        def convert(row, recorded, state):
            if row[name] is not None and within(row, since, until) and recorded["city"] == "Oslo":
                row[name] = row[name] * factor

        return ByHand(al.Correction.unit(name, factor=factor, where="inputs.city = 'Oslo'", **limits), convert)
    if kind == "missing":
        name, value = draw.choice([("income", 2_500.0), ("years", 1), ("city", "Rome")])

        def fill(row, recorded, state):
            if row[name] is None and within(row, since, until):
                row[name] = value

        return ByHand(al.Correction.missing(name, value, **limits), fill)
    if kind == "recode":
        mapping = draw.choice([{"Roma": "Rome"}, {"Bern": "Oslo", "Oslo": "Bern"}, {"Rome": None}])

        def recode(row, recorded, state):
            if within(row, since, until):
                row["city"] = mapping.get(row["city"], row["city"])

        return ByHand(al.Correction.recode("city", mapping, **limits), recode)
    if kind == "values":
        ids = [row["prediction_id"] for row in generated.rows if draw.random() < 0.8]
        incomes = {each: None if draw.random() < 0.1 else round(draw.uniform(1_000, 9_500), 2) for each in ids}

        def replaced(row, recorded, state):
            if within(row, since, until):
                if row["prediction_id"] in incomes:
                    row["income"] = incomes[row["prediction_id"]]
                else:
                    state["fallen"] = "replacement-missing"

        frame = pl.DataFrame(
            {"prediction_id": ids, "income": [incomes[each] for each in ids]}, schema_overrides={"income": pl.Float64}
        )
        return ByHand(al.Correction.values(frame, "the feature store", **limits), replaced)
    if kind == "threshold":
        value = draw.choice([0.2, 0.4, 0.6])

        def cut(row, recorded, state):
            if within(row, since, until) and recorded["environment"] == "canary":
                state["threshold"] = value

        return ByHand(al.Correction.threshold(value, where="environment = 'canary'", **limits), cut)
    if kind == "version":
        name = draw.choice("12")

        def switch(row, recorded, state):
            state.update(version=name, rules=RULES[name], threshold=None)

        return ByHand(al.Correction.version(name), switch)
    if kind == "rules":
        return ByHand(al.Correction.rules(ROMAN), lambda row, recorded, state: state.update(rules=ROMAN))
    if kind == "rules_of":
        name = draw.choice("12")
        return ByHand(al.Correction.rules_of(name), lambda row, recorded, state: state.update(rules=RULES[name]))

    def without(row, recorded, state):
        state["rules"] = [rule for rule in state["rules"] if rule["name"] != "newcomer"]

    return ByHand(al.Correction.without_rule("newcomer"), without)


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


@pytest.mark.parametrize("seed", range(24))
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


def test_some_of_the_generated_corrections_do_affect_decisions(generate):
    generated = generate(5)
    told = by_hand(generated, [drawn(random.Random(seed), generated) for seed in range(4)])
    assert sum(not isinstance(each, str) and each[2] != each[3] for each in told.values()) >= 5
