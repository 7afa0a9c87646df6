"""An explanation that is left for later is found, computed and kept."""

from __future__ import annotations

import json
import random

import pytest

import audit_lab as al
from audit_lab.cli import main
from audit_lab.errors import MisuseError

CITIES = ("Bern", "Oslo", "Rome")


@pytest.fixture
def left_for_later(served):
    """Return a log in which the explanations of two decisions of forty are due."""
    recorded, _ = served
    drawn = random.Random(3)
    with recorded.recorder(version="1", environment="production", threshold=0.5) as recorder:
        for number in range(40):
            loan = {
                "income": round(drawn.uniform(1_000, 9_000), 2),
                "city": drawn.choice(CITIES),
                "years": drawn.randrange(20),
            }
            later = {"explanation": "later"} if number in (30, 35) else {}
            recorder.record(loan, {"score": 0.5, "label": "bad"}, prediction_id=f"p-{number}", **later)
    recorded.seal()
    return recorded


def test_what_is_due_is_listed_computed_and_in_the_log(left_for_later, capsys):
    folder, vault = left_for_later.folder, left_for_later.vault
    assert al.open(folder).explanations_due()["prediction_id"].to_list() == ["p-30", "p-35"]
    assert al.open(folder).explanations_due("another").height == 0
    words = ["explain-due", str(folder), "--vault", str(vault)]
    assert main([*words, "--json"]) == 0
    assert [row["prediction_id"] for row in json.loads(capsys.readouterr().out)["due"]] == ["p-30", "p-35"]
    assert main([*words, "--record", "--most", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"recorded": ["p-30"], "failed": {}, "left": 1}
    log = al.open(folder)
    assert log.explanations_due()["prediction_id"].to_list() == ["p-35"]
    (row,) = left_for_later.table("explanations").to_dicts()
    computed = log.decision("p-30").explain("shap", cache=False)
    assert json.loads(row["values"]) == {each.feature: each.contribution for each in computed.contributions}
    told = (row["method"], row["base_value"], row["background_sha256"], row["seed"])
    assert told == ("shap", computed.base_value, computed.background.sha256, 0)
    agreement = log.decision("p-30").agreement()
    assert [each.verdict for each in agreement.of_record] == ["agree"]


def test_an_explanation_of_record_is_of_its_decision_and_has_numbers(left_for_later):
    folder, vault = left_for_later.folder, left_for_later.vault
    for said, message in (
        (
            {"prediction_id": "p-1", "method": "shap", "values": {"income": 0.5}},
            "the explanation is of p-1, not of p-30",
        ),
        ({"method": "shap", "values": {"income": float("nan")}}, "no finite number for each feature"),
        ({"method": "shap"}, "no finite number for each feature"),
        ({"values": {"income": 0.5}}, "has no method"),
        ({"method": "shap", "values": {"income": 0.5}, "colour": "red"}, "has no column 'colour'"),
    ):
        with pytest.raises(MisuseError, match=message):
            al.record_explanation(folder, "p-30", said, vault=vault)
    al.record_explanation(folder, "p-30", {"method": "by hand", "values": {"income": 0.5}}, vault=vault)
    assert al.open(folder).explanations_due()["prediction_id"].to_list() == ["p-35"]
