"""Performance and fairness as a user asks for them: what was erased is left out, and said to be."""

from __future__ import annotations

import audit_lab as al


def test_erased_predictions_are_not_judged(sealed, tmp_path):
    before = al.open(sealed).performance(every=None)
    assert before.windows["rows"][0] == 40
    al.erase(sealed, actor="desk", reason="request", predictions=["p-003", "p-007"], vault=tmp_path / "vault")
    after = al.open(sealed).performance(every=None)
    assert after.windows["rows"][0] == 38
    assert "predictions left out because values of theirs were erased: 2" in after.facts


def test_erased_groups_are_not_counted(sealed, tmp_path):
    al.erase(
        sealed,
        actor="desk",
        reason="request",
        predictions=["p-003"],
        fields={"inputs/loans": ["city"]},
        vault=tmp_path / "vault",
    )
    log = al.open(sealed)
    assert log.fairness(["city"], favourable="approve", minimum=1).rows == 39
    assert log.fairness(["inputs.years < 9"], favourable="approve", minimum=1).rows == 40
