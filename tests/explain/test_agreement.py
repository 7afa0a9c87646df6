"""Two explanations of one decision beside each other, and the one of record beside the recomputed one."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import polars as pl
import pytest
from scipy.stats import spearmanr

import audit_lab as al
from audit_lab.errors import MisuseError
from audit_lab.explain.agreement import agreement_between, compare
from audit_lab.explain.attribution import Attribution, Background, Check, Contribution
from audit_lab.explain.explained import Explained


def side(name: str = "SHAP", **values: float) -> Explained:
    return Explained(name, name.lower(), values, "probability", "0" * 64, 0, "lib 1", 0.3)


def attribution(method: str, *, passed: bool = True, prediction: float = 0.6, **values: float) -> Attribution:
    return Attribution(
        prediction_id="p-1",
        method=method,
        algorithm="test",
        output_explained="probability",
        label="late",
        contributions=tuple(Contribution(name, 1.0, value) for name, value in values.items()),
        base_value=0.2,
        prediction_value=prediction,
        background=Background("test", ("b-1",), "ab" * 32),
        seed=0,
        library=method,
        library_version="1.0",
        artifact_sha256="0" * 64,
        checks=(Check("stability", passed, "test"),),
        isolation={},
    )


def record(**changes: Any) -> dict[str, Any]:
    values = json.dumps({"a": 0.3, "b": 0.1})
    row = {
        "method": "shap",
        "values": values,
        "base_value": 0.2,
        "background_sha256": "ab" * 32,
        "seed": 0,
        "versions": '{"shap": "1.0"}',
        "corrected_by": None,
    }
    return {**row, **changes}


def agreement(*records: dict[str, Any], **changes: Any) -> Any:
    shap = attribution("shap", a=0.3, b=0.1)
    return agreement_between(shap, attribution("lime", a=0.2, b=0.1, **changes), records)


def test_the_same_features_signs_and_ranks_agree():
    found = compare(side(a=0.4, b=-0.3, c=0.2, d=0.1), side("LIME", a=0.3, b=-0.2, c=0.1, d=0.05))
    assert found.verdict == "agree"
    assert found.summary() == (
        "SHAP and LIME agree: 3 of 3 largest features shared, rank correlation 1.00, no sign conflict."
    )


def test_two_of_three_largest_features_are_the_main_ones():
    found = compare(side(a=0.4, b=-0.3, c=0.2, d=0.1), side("LIME", a=0.4, b=-0.3, c=0.1, d=0.2))
    assert (found.verdict, found.shared_largest) == ("agree on the main features", ("a", "b"))


def test_a_poor_rank_correlation_keeps_from_agreeing():
    found = compare(side(a=0.4, b=0.3, c=0.2), side("LIME", a=0.2, b=0.3, c=0.4))
    assert (found.verdict, found.rank_correlation) == ("agree on the main features", pytest.approx(-1))


def test_an_opposite_sign_of_a_large_feature_disagrees_by_name():
    found = compare(side(a=0.4, b=-0.3, c=0.2), side("LIME", a=0.4, b=0.3, c=0.2))
    assert (found.verdict, found.sign_conflicts) == ("disagree", ("b",))
    assert found.summary().endswith("opposite signs for b.")


def test_an_opposite_sign_beyond_the_largest_is_told_and_keeps_from_agreeing():
    found = compare(side(a=0.5, b=0.4, c=0.3, d=0.1), side("LIME", a=0.5, b=0.4, c=0.3, d=-0.1))
    assert (found.verdict, found.sign_conflicts) == ("agree on the main features", ("d",))


def test_an_opposite_sign_of_what_does_not_matter_is_no_conflict():
    found = compare(side(a=0.5, b=0.01), side("LIME", a=0.5, b=-0.04))
    assert (found.verdict, found.sign_conflicts, found.first_largest) == ("agree", (), ("a",))


def test_other_largest_features_disagree():
    assert compare(side(a=0.5, b=0.0), side("LIME", a=0.0, b=0.5)).verdict == "disagree"


def test_something_against_nothing_disagrees_and_nothing_against_nothing_agrees():
    assert compare(side(a=0.5), side("LIME", a=1e-17)).verdict == "disagree"
    assert compare(side(a=1e-17), side("LIME", a=-1e-17)).verdict == "agree"


def test_the_rank_correlation_is_scipys_of_magnitudes_that_matter_to_either():
    one = {"a": 0.5, "b": -0.4, "c": 0.3, "d": 0.06, "e": 0.001}
    other = {"a": 0.3, "b": -0.4, "c": 0.2, "d": 0.01, "e": 0.002}
    expected = spearmanr([0.5, 0.4, 0.3, 0.06], [0.3, 0.4, 0.2, 0.01]).statistic
    assert compare(side(**one), side("LIME", **other)).rank_correlation == expected


@pytest.mark.parametrize("values", [{"a": 0.5, "b": 0.3}, {"a": 0.5, "b": 0.5, "c": 0.5}])
def test_few_or_equal_magnitudes_have_no_rank_correlation(values):
    found = compare(side(**values), side("LIME", **values))
    assert (found.verdict, found.rank_correlation) == ("agree", None)


def test_features_that_one_side_lacks_are_named_and_none_in_common_is_not_comparable():
    found = compare(side(a=0.4, city_bern=0.1), side("LIME", a=0.4, city=0.1))
    assert (found.verdict, found.only_first, found.only_second) == ("agree", ("city_bern",), ("city",))
    assert compare(side(a=0.4), side("LIME", b=0.4)).summary() == (
        "SHAP and LIME are not comparable: no feature stands in both."
    )


def test_the_rules_are_part_of_the_result():
    document = compare(side(a=0.4), side("LIME", a=0.4)).to_dict()
    assert document["rules"]["matters"] == "at least 10% of the explanation's largest magnitude"
    assert "at least 0.8" in document["rules"]["agree"]
    assert json.loads(json.dumps(document)) == document


def test_it_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        agreement().unread = ()


def test_an_explanation_of_record_like_the_recomputed_one_agrees_without_a_difference():
    (found,) = agreement(record()).of_record
    assert (found.verdict, found.differences, found.first.output) == ("agree", (), "probability")
    assert found.summary() == (
        "The shap of record and SHAP agree: 2 of 2 largest features shared, no rank correlation, no sign conflict."
    )


def test_what_makes_a_record_hard_to_compare_is_named():
    changes = {"seed": None, "background_sha256": "cd" * 32, "versions": '{"shap": "0.9"}', "method": "treeshap"}
    (found,) = agreement(record(**changes, base_value=None)).of_record
    assert found.differences == (
        "another method (treeshap, shap)",
        "the output of the treeshap of record is not known",
        "another background (cdcdcdcdcdcd..., abababababab...)",
        "the seed of the treeshap of record is not known",
        "another library (shap 0.9, shap 1.0)",
    )


def test_values_that_add_up_to_the_log_odds_are_told_as_such():
    total = math.log(0.6 / 0.4)
    values = json.dumps({"a": 0.5, "b": total - 0.5 + 1.0})
    (found,) = agreement(record(values=values, base_value=-1.0)).of_record
    assert "another output (log-odds, probability)" in found.differences


def test_a_record_of_the_log_odds_is_compared_with_shap_of_the_log_odds():
    total, asked = math.log(0.6 / 0.4), list[str]()

    def recompute(output: str) -> Attribution:
        asked.append(output)
        found = attribution("shap", prediction=total, passed=False, a=0.5, b=total - 0.5 + 1.0)
        return dataclasses.replace(found, output_explained=output, base_value=-1.0)

    shap, lime = attribution("shap", a=0.3, b=0.1), attribution("lime", a=0.2, b=0.1)
    values = json.dumps({"a": 0.5, "b": total - 0.5 + 1.0})
    records = [record(values=values, base_value=-1.0), record(), record(values=values, base_value=-1.0)]

    found = agreement_between(shap, lime, records, recompute)

    assert asked == ["log-odds"]
    assert [each.second.name for each in found.of_record] == ["SHAP of the log-odds", "SHAP", "SHAP of the log-odds"]
    assert [each.verdict for each in found.of_record] == ["agree", "agree", "agree"]
    assert found.of_record[0].differences == ()
    assert [each.output_explained for each in found.in_other_outputs] == ["log-odds"]
    assert "SHAP of the log-odds did not pass: stability." in found.summary()


def test_an_output_that_is_not_offered_again_stays_a_difference():
    def recompute(output: str) -> Attribution:
        raise MisuseError(f"log-odds are not offered ({output})", "Ask for the score.")

    total = math.log(0.6 / 0.4)
    row = record(values=json.dumps({"a": 0.5, "b": total - 0.5 + 1.0}), base_value=-1.0)
    shap = attribution("shap", a=0.3, b=0.1)
    (found,) = agreement_between(shap, attribution("lime", a=0.2, b=0.1), [row], recompute).of_record
    assert (found.second.name, found.second.output) == ("SHAP", "probability")
    assert "another output (log-odds, probability)" in found.differences


def test_shapley_values_that_add_up_to_no_output_disagree_whatever_they_name():
    (found,) = agreement(record(base_value=0.35)).of_record

    assert found.first_largest == found.second_largest
    assert found.verdict == "disagree"
    assert found.first.output is None
    assert found.summary() == (
        "The shap of record and SHAP disagree: 2 of 2 largest features shared, no rank correlation, no sign conflict; "
        "its base and values add up to 0.75, and the model's output is 0.6, as log-odds 0.4055: it is not of this "
        "output."
    )
    assert found.differences[0].startswith("its base and values add up to 0.75")


def test_weights_of_a_lime_of_record_need_not_add_up():
    (found,) = agreement(record(method="lime", base_value=0.9)).of_record

    assert (found.first.inconsistency, found.verdict) == (None, "agree")


def test_libraries_of_record_are_named_where_the_recomputed_one_is_another():
    (found,) = agreement(record(versions='{"xgboost": "3.2.0", "numpy": "2.3"}')).of_record

    assert "another library (numpy 2.3, xgboost 3.2.0, shap 1.0)" in found.differences


def test_on_credit_the_record_that_is_another_applicants_is_found_and_its_neighbour_is_not(credit):
    truth = json.loads((credit.parent / "TRUTH.json").read_text())["credit"]["mixed_up"]
    log = al.open(credit)
    mixed, own = (log.decision(truth[name]).agreement() for name in ("prediction_id", "holds_the_values_of"))

    assert [each.verdict for each in mixed.of_record] == ["disagree"]
    assert "it is not of this output" in mixed.of_record[0].summary()
    (found,) = own.of_record
    assert (found.verdict, found.first.output, found.second.output) == ("agree", "log-odds", "log-odds")
    assert found.second.name == "SHAP of the log-odds"
    assert not any(each.startswith("another output") for each in found.differences)
    assert own.to_dict()["in_other_outputs"] == {"log-odds": own.in_other_outputs[0].digest}
    assert own.in_other_outputs[0] == log.decision(truth["holds_the_values_of"]).explain(output="log-odds")


def test_a_lime_of_record_is_compared_with_lime():
    (found,) = agreement(record(method="LIME")).of_record
    assert (found.first.name, found.second.name) == ("the LIME of record", "LIME")


def test_a_corrected_record_is_left_out():
    found = agreement(record(corrected_by="explanations@2:0"))
    assert (found.of_record, found.unread) == ((), ())
    assert "The log has no explanation of record of this decision that stands." in found.summary()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (None, "has no values"),
        ("{", "cannot be read"),
        ("[1]", "no JSON object"),
        ("{}", "no JSON object"),
        ('{"a": true}', "a value of a that is no finite number"),
        ('{"a": "0.3"}', "a value of a that is no finite number"),
        ('{"a": NaN}', "cannot be read"),
        ('{"a": 1, "a": 2}', "cannot be read"),
        ("[" * 5000, "cannot be read"),
    ],
)
def test_values_of_record_that_cannot_be_read_are_said_and_not_compared(values, reason):
    found = agreement(record(values=values))
    assert found.of_record == ()
    assert reason in found.unread[0]
    assert any(line.startswith("Not compared: the shap of record") for line in found.summary())


def test_failed_checks_stand_in_the_summary():
    assert agreement(passed=False).summary()[-1] == "LIME did not pass: stability."


def test_of_a_decision_with_an_explanation_of_record(make_log):
    def told(frame: pl.DataFrame | None) -> pl.DataFrame:
        del frame
        return pl.DataFrame(
            {
                "prediction_id": ["p-001"],
                "method": ["shap"],
                "recorded_at": [None],
                "values": ['{"income": -0.5, "city": 0.001, "years": 0.002}'],
                "base_value": [0.4],
            },
            schema_overrides={"recorded_at": pl.Datetime("us", "UTC")},
        )

    decision = al.open(make_log(explanations=told(None))).decision("p-001")
    found = decision.agreement()
    assert found.methods.first.contributions == {
        entry.feature: entry.contribution for entry in decision.explain("shap").contributions
    }
    assert found.lime.digest == decision.explain("lime").digest
    assert found.of_record[0].first.contributions["income"] == -0.5
    assert "the background of the shap of record is not known" in found.of_record[0].differences
    assert repr(found).startswith("Agreement of p-001: SHAP and LIME ")
    assert json.loads(json.dumps(found.to_dict()))["methods"]["verdict"] == found.methods.verdict
