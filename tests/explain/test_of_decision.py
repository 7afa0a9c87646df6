"""Explaining a decision of a log: the background that it had before, as long as that is still the one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError, ModelError
from audit_lab.explain import ExplanationCache, of_decision
from audit_lab.explain.background import choose_background
from audit_lab.explain.of_decision import explain_decision
from audit_lab.log.erasure.erasure import erase
from audit_lab.log.store import open_store
from audit_lab.log.writing.arrival import seal_log
from audit_lab.log.writing.writer import open_writer
from audit_lab.replay.reconstruction import reconstruct
from audit_lab.seal import key_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_decision_asked_about_again_has_the_background_of_before(
    make_log: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(make_log())
    decision = reconstruct(store, "p-030")
    first = explain_decision(store, decision, "shap")
    monkeypatch.setattr(of_decision, "choose_background", None)

    assert explain_decision(store, decision, "shap") == first
    with pytest.raises(TypeError):
        explain_decision(store, decision, "shap", seed=1)


def test_the_order_of_choice_is_found_once_for_all_decisions_of_a_version(
    make_log: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(make_log())
    names = ("income", "city", "years")
    of_decision.background_of(store, reconstruct(store, "p-030"), names, 0)
    monkeypatch.setattr(of_decision, "eligible_rows", None)

    other = reconstruct(store, "p-035")
    found = of_decision.background_of(store, other, names, 0)

    inputs, at = store.inputs("loans"), other.prediction["occurred_at"]
    assert found == replace(
        choose_background(store.table("predictions"), inputs, "loans", "1", at, prediction_id="p-035"),
        frame=found.frame,
    )
    assert len(found.ids) == 35
    with pytest.raises(TypeError):
        of_decision.background_of(store, other, names, 1)


def test_what_was_erased_is_in_no_background_and_in_no_cache(
    make_log: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file, "_COST", 2)
    folder, vault = make_log(), tmp_path / "vault"
    clock = lambda: datetime(2026, 3, 1, tzinfo=UTC)
    seal_log(folder, actor="Jane", vault=vault, passphrase=b"x", clock=clock)
    store = open_store(folder)
    before = explain_decision(store, reconstruct(store, "p-030"), "shap")
    explain_decision(store, reconstruct(store, "p-007"), "shap")
    kept = {path.name for path in ExplanationCache().folder.iterdir()}

    writer = open_writer(folder, vault=vault, passphrase=b"x", clock=clock)
    erase(writer, prediction_ids=["p-007"], actor="desk", reason="request")

    after = explain_decision(store, reconstruct(store, "p-030"), "shap")
    assert "p-007" in before.background.rows
    assert set(before.background.rows) - set(after.background.rows) == {"p-007"}
    with pytest.raises(ModelError) as raised:
        explain_decision(store, reconstruct(store, "p-007"), "shap")
    assert raised.value.code == "erased"
    assert len(kept - {path.name for path in ExplanationCache().folder.iterdir()}) == 1


def test_groups_that_the_signature_declares_have_one_contribution(make_log: Callable[..., Path]) -> None:
    def declare(versions: pl.DataFrame) -> pl.DataFrame:
        signature = json.loads(versions["signature"].item())
        for feature in signature["features"][:2]:
            feature["group"] = "circumstances"
        return versions.with_columns(signature=pl.lit(json.dumps(signature)))

    decision = al.open(make_log(model_versions=declare)).decision("p-030")

    by_default, apart, chosen = (
        [each.feature for each in decision.explain(**asked).contributions]
        for asked in ({}, {"groups": {}}, {"groups": {"all but years": ["city", "income"]}})
    )

    assert by_default == ["circumstances", "years"]
    assert apart == ["income", "city", "years"]
    assert chosen == ["all but years", "years"]
    assert [each.feature for each in decision.explain("lime").contributions] == by_default
    assert list(decision.agreement().methods.first.contributions) == by_default
    with pytest.raises(MisuseError, match="the booster gives a value for each column"):
        decision.explain(perturbation="path-dependent")
    told = (
        "The signature declares that features belong together (circumstances: income, city); here each is taken by "
        "itself."
    )
    assert decision.explain(perturbation="path-dependent", groups={}).notes == (told,)
    assert decision.explain().notes == ()
    assert told in decision.what_if({"years": 1}).explained.doubts
