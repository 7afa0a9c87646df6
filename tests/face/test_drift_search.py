"""Drift as a user asks for it: what was erased is left out, and said to be."""

from __future__ import annotations

import audit_lab as al


def test_erased_predictions_are_no_drift(sealed, tmp_path):
    before = al.open(sealed).drift(every="1d")
    assert before.volume["rows"].sum() == 40
    assert not any("erased" in fact for fact in before.facts)
    al.erase(sealed, actor="desk", reason="request", predictions=["p-003", "p-007"], vault=tmp_path / "vault")
    after = al.open(sealed).drift(every="1d")
    assert after.volume["rows"].sum() == 38
    assert after.facts[-1] == "2 predictions are left out: values of theirs were erased, which is no drift"
    assert after.table["missing_rate"].to_list() == [0.0] * after.table.height
