"""Logs of several models, with erased inputs, and with names that an expression must quote."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError
from audit_lab.log.erasure.erasure import erase
from audit_lab.log.writing.arrival import seal_log
from audit_lab.log.writing.writer import open_writer
from audit_lab.seal import key_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_what_was_erased_is_left_out_and_never_explained_on_nulls(
    make_log: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file, "_COST", 2)
    folder, vault = make_log(), tmp_path / "vault"
    clock = lambda: datetime(2026, 3, 1, tzinfo=UTC)
    seal_log(folder, actor="Jane", vault=vault, passphrase=b"x", clock=clock)
    writer = open_writer(folder, vault=vault, passphrase=b"x", clock=clock)
    erase(writer, prediction_ids=["p-003"], actor="desk", reason="request")
    erase(writer, prediction_ids=["p-011"], fields={"inputs/loans": ["income"]}, actor="desk", reason="request")
    found = al.open(folder).attributions(perturbation="interventional")
    assert [(each.code, each.rows) for each in found.left_out] == [("erased", 2)]
    assert found.explained == 38
    assert "p-003" not in found.points["prediction_id"]
    assert not {"p-003", "p-011"} & set(found.background.rows)
    assert all(one.kind != "missing" for each in found.features for one in each.bins)


def test_names_and_texts_that_must_be_quoted_are_quoted(make_log: Callable[..., Path], small_model: Any) -> None:
    import hashlib

    import xgboost

    booster = xgboost.Booster(model_file=bytearray(small_model.artifact))
    booster.feature_names = ["income", "town", "years"]
    content = bytes(booster.save_raw("ubj"))
    texts = {"Bern": "it's", "Oslo": 'a "b" \\', "Rome": "x' OR 1 = 1"}

    def registered(frame: pl.DataFrame) -> pl.DataFrame:
        signature = json.loads(frame["signature"][0])
        signature["features"][1] = {"name": "town", "dtype": "str", "categories": list(texts.values())}
        return frame.with_columns(
            signature=pl.lit(json.dumps(signature)),
            artifact_sha256=pl.lit(hashlib.sha256(content).hexdigest()),
        )

    log = al.open(
        make_log(
            artifact=content,
            model_versions=registered,
            inputs_loans=lambda frame: frame.with_columns(pl.col("city").replace(texts).alias("town")).drop("city"),
        )
    )
    found = log.attributions()
    assert {one.text for one in found.feature("town").bins} == set(texts.values())
    for one in found.feature("town").bins:
        assert one.expression is not None
        behind = found.rows_of("town", one.number)["prediction_id"]
        assert set(log.find(one.expression)["prediction_id"]) == set(behind)
        assert behind.len() == one.moments.rows


def test_of_several_models_one_is_named(make_log: Callable[..., Path]) -> None:
    other = pl.when(pl.col("prediction_id") < "p-010").then(pl.lit("cards")).otherwise("model_name")
    log = al.open(make_log(predictions=lambda frame: frame.with_columns(model_name=other)))
    with pytest.raises(MisuseError, match=r"cards 1 \(10\), loans 1 \(30\)\. Ask for one of them: model="):
        log.attributions()
    assert log.attributions(model="loans").explained == 30


def test_a_version_that_was_registered_anew_with_another_artifact_is_refused(make_log: Callable[..., Path]) -> None:
    """What the registry says by the time of a decision judges it; two models are not added up as one."""

    def corrected(frame: pl.DataFrame) -> pl.DataFrame:
        signature = json.loads(frame["signature"][0])
        signature["features"][0]["unit"] = "CHF"
        later = frame.with_columns(
            recorded_at=pl.lit(datetime(2024, 3, 5, tzinfo=UTC), dtype=frame["recorded_at"].dtype),
            signature=pl.lit(json.dumps(signature)),
            supersedes=pl.lit("loans@1"),
        )
        return pl.concat([frame, later], how="diagonal_relaxed")

    log = al.open(make_log(model_versions=corrected))
    with pytest.raises(MisuseError, match="another artifact or signature of loans 1 for some of these decisions"):
        log.attributions()
    assert log.attributions(until="2024-03-05").explained == 15
