"""Attributions and reasons of both sides: the same background and seed, and what keeps them from being compared."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError


def test_the_originals_attribution_is_the_one_that_everybody_gets(loans):
    found = loans.ask({"income": 1_200.0}, explain="shap")
    own = loans.decision().explain("shap")
    assert found.original_attribution.digest == own.digest
    assert found.original_attribution.to_json() == own.to_json()


@pytest.mark.parametrize("method", ["shap", "lime"])
def test_the_changed_inputs_are_explained_against_the_same_background_and_seed(loans, method):
    found = loans.ask({"income": 1_200.0}, explain=method, seed=3)
    before, after = found.original_attribution, found.changed_attribution
    assert (after.method, after.seed, after.background) == (method, 3, before.background)
    assert {each.feature: each.value for each in after.contributions}["income"] == 1_200.0
    assert after.prediction_value == pytest.approx(found.changed.score, abs=1e-7)
    assert found.explained.doubts == ()
    rows = found.rows
    assert rows["difference"].to_list() == [
        second.contribution - first.contribution
        for first, second in zip(before.contributions, after.contributions, strict=True)
    ]


def test_shapley_values_of_the_changed_inputs_are_those_of_a_decision_that_had_them(make_log, bare, small_model):
    from itertools import permutations

    decision = al.open(make_log()).decision("p-030")
    found = decision.what_if({"income": 1_200.0, "city": "Rome"}).changed_attribution
    row = {**decision.inputs, "income": 1_200.0, "city": "Rome"}
    known = dict(zip((f"p-{number:03d}" for number in range(40)), small_model.inputs.to_dicts(), strict=True))
    background = [known[name] for name in found.background.rows]
    names = list(row)

    def value(coalition):
        put_in = {name: row[name] for name in coalition}
        return float(np.mean(bare.of_rows([{**other, **put_in} for other in background]).astype(np.float64)))

    orders = list(permutations(names))
    for each in found.contributions:
        parts = [
            value(order[: order.index(each.feature) + 1]) - value(order[: order.index(each.feature)])
            for order in orders
        ]
        assert each.contribution == pytest.approx(sum(parts) / len(orders), abs=1e-6)


def test_what_explains_changed_inputs_never_passes_for_the_decisions_own(loans):
    after = loans.ask({"income": 1_200.0}, explain="shap").changed_attribution
    assert after.prediction_id == "p-030 (what if)"
    assert after.notes == ("What if: these are not the recorded inputs, for income was changed.",)
    assert after.notes[0] in after.describe()


def test_log_odds_are_explained_on_request(loans):
    found = loans.ask({"income": 1_200.0}, explain="shap", output="log-odds")
    assert found.original_attribution.output_explained == found.changed_attribution.output_explained == "log-odds"
    assert "output='log-odds'" in found.code()


@pytest.mark.parametrize("asked", [{"explain": "guess"}, {"explain": "lime", "output": "log-odds"}])
def test_an_explanation_that_is_not_offered_is_refused(loans, asked):
    with pytest.raises(MisuseError):
        loans.ask({"income": 1_200.0}, **asked)


def test_without_any_other_decision_there_is_no_attribution_and_it_says_so(make_log):
    one = pl.col("prediction_id") == "p-030"
    folder = make_log(predictions=lambda frame: frame.filter(one), inputs_loans=lambda frame: frame.filter(one))
    found = al.open(folder).decision("p-030").what_if({"income": 1_200.0})
    assert found.original_attribution is None
    assert found.explained.why_not.startswith(
        "There is no attribution: no other decision of loans 1 has recorded inputs"
    )
    assert found.explained.why_not in found.summary()
    assert found.changed.score is not None


def test_a_decision_without_a_time_has_no_background(make_log):
    timeless = pl.when(pl.col("prediction_id") != "p-030").then("occurred_at").alias("occurred_at")
    folder = make_log(predictions=lambda frame: frame.with_columns(timeless))
    found = al.open(folder).decision("p-030").what_if({"income": 1_200.0})
    assert found.explained.why_not == "The decision has no time, so no background of earlier ones can be declared."


CODES = {
    "format": "audit_lab.reason-codes",
    "format_version": 1,
    "version": "test-1",
    "model": "loans",
    "adverse_decisions": ["deny"],
    "features": [{"feature": "income", "code": "R1", "reason": "Income insufficient"}],
    "rules": [{"rule": "newcomer", "code": "R9", "reason": "Too short at the employer"}],
}


@pytest.fixture
def codes(tmp_path):
    path = tmp_path / "codes.json"
    path.write_text(json.dumps(CODES))
    return path


def test_reasons_of_both_follow_the_change(loans, codes):
    found = loans.ask({"income": 1_200.0}, number=_approved(loans), codes=codes)
    assert found.original_reasons.basis == "not-adverse"
    assert found.changed_reasons.basis == "score"
    assert found.changed_reasons.reasons[0].text == "Income insufficient"
    ruled = found.change({"years": 0})
    assert (ruled.changed_reasons.basis, ruled.changed_reasons.reasons[0].code) == ("rule", "R9")
    said = [line for line in found.summary() if line.startswith("Reasons ")]
    assert said[1].startswith("Reasons with the changed inputs: Income insufficient")


def test_the_code_names_the_file_of_reason_codes(loans, codes):
    found = loans.ask({"income": 1_200.0}, codes=codes)
    names = {}
    exec(found.code().replace("al.view(found)\n", ""), names)
    assert names["found"].digest == found.digest
    assert f"codes={str(codes)!r}" in found.code()


def test_reason_codes_that_are_no_file_are_counted_on_as_a_variable(loans, codes):
    from audit_lab.explain.reasons import ReasonCodes

    given = ReasonCodes.read(codes)
    found = loans.ask({"income": 1_200.0}, codes=given)
    assert f"# codes = the reason codes with the SHA-256 {given.sha256}" in found.code()
    names = {"codes": given}
    exec(found.code().replace("al.view(found)\n", ""), names)
    assert names["found"].digest == found.digest


def _approved(loans):
    log = al.open(loans.folder)
    rows = log.predictions.filter(pl.col("decision") == "approve").collect().sort("prediction_id")
    return int(rows["prediction_id"][-1].removeprefix("p-"))
