"""A log of one real model in which each block of decisions went wrong in another way, as drawn by a seed.

What a library answers to the inputs that really reached the model is recorded; the inputs on record are the ones that
the block's fault left there. The blocks lie months apart, so that each is looked into by itself.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
from faults import FEWEST, INPUT_WAYS, SPELLINGS, FaultError, Planted, Truth, differing, plant, rows_of
from identifiable import IdentifiableModel
from impossible import CAUSES, possible, ways_possible
from strangers import stranger, strangers_of

from audit_lab.log.files.write import write_log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["INPUT_WAYS", "SPELLINGS", "STEP_WAYS", "FaultyLog", "faulty_log"]

START = datetime(2024, 1, 1, tzinfo=UTC)
APART = timedelta(days=70)
MODEL = "m"


@dataclass(frozen=True)
class FaultyLog:
    """A log, and what befell its blocks by their names; the names of causes are those in `CAUSES`."""

    folder: Path
    artifact_format: str
    kind: str
    blocks: dict[str, Truth]
    trusted_types: tuple[str, ...]
    trust: tuple[str, ...]


def faulty_log(
    folder: Path,
    artifact_format: str,
    kind: str,
    seed: int,
    *,
    strangers: int | None = None,
    spelling: tuple[str, str] | None = None,
    every_way: bool = False,
) -> FaultyLog:
    """Write a log with a block for each cause that is possible, for each of some strangers, and one without a fault.

    Parameters
    ----------
    folder
        Where it goes.
    artifact_format, kind, seed, spelling
        Of the model.
    strangers
        How many faults of no list there are; None: all.
    every_way
        Whether each cause comes in all of its ways; else in one that the seed decides.
    """
    model = IdentifiableModel(artifact_format, kind, seed, spelling)
    made: dict[str, Planted] = {}
    inputs = model.rows(rows_of(model))
    made["clean"] = Planted(Truth(None), inputs, model.asked(inputs))
    for cause in CAUSES:
        if possible(cause, kind):
            ways = _ways(model, cause)
            if every_way:
                made |= {f"{cause}: {way}": _caused(model, cause, [way]) for way in ways}
            else:
                made[cause] = _caused(model, cause, ways)
    for name in model.shuffled(strangers_of(model))[:strangers]:
        made[name] = stranger(model, name)
    _write(folder, model, [_recorded(model, place, *each) for place, each in enumerate(made.items())])
    truths = {name: each.truth for name, each in made.items()}
    return FaultyLog(folder, artifact_format, kind, truths, model.trusted_types, model.trust)


def _ways(model: IdentifiableModel, cause: str) -> list[str]:
    """Return the ways in which a cause can befall a model, in an order that the seed decides."""
    known = [*INPUT_WAYS.get(cause, ()), *STEP_WAYS.get(cause, ())]
    possible_here = ways_possible(known, model.artifact_format, model.kind)
    case, between = model.spelling
    return model.shuffled(
        [each for each in possible_here if each not in SPELLINGS or _admits(SPELLINGS[each], case, between)]
    )


def _caused(model: IdentifiableModel, cause: str, ways: list[str]) -> Planted:
    """Return a block that a cause befell, in the first way of some that shows in what the model answers."""
    failed = []
    for way in ways:
        by_inputs, by_steps = (each.get(cause, {}).get(way) for each in (INPUT_WAYS, STEP_WAYS))
        try:
            if by_inputs is not None:
                return plant(model, by_inputs(model, way), f"{cause}: {way}")
            if by_steps is not None:
                return by_steps(model, way)
        except FaultError as error:
            failed.append(str(error))
    raise FaultError("; ".join(failed))


def _admits(spelling: tuple[str, str], case: str, between: str) -> bool:
    return case in spelling[0].split() and between in spelling[1]


def _plain(model: IdentifiableModel, **how: Any) -> Planted:
    inputs = model.rows(rows_of(model))
    return Planted(inputs=inputs, outputs=model.asked(inputs), **how)


def _rounded(model: IdentifiableModel, way: str) -> Planted:
    planted = _plain(model, truth=Truth("precision", None, way))
    rounded = planted.outputs.with_columns(
        pl.col("score").cast(pl.Float32).cast(pl.Float64),
        pl.col("probabilities").cast(pl.List(pl.Float32)).cast(pl.List(pl.Float64)),
    )
    assert int(differing(rounded, planted.outputs).sum()) >= FEWEST
    return Planted(planted.truth, planted.inputs, rounded)


def _other_artifact(model: IdentifiableModel, _way: str) -> Planted:
    inputs = model.rows(rows_of(model))
    return Planted(Truth("another-version", None, "2"), inputs, model.asked(inputs, version=2))


def _same_artifact(model: IdentifiableModel, _way: str) -> Planted:
    return _plain(model, truth=Truth("another-version", None, "3"), version="3", threshold=model.thresholds.get("3"))


def _threshold(name: str) -> Callable[[IdentifiableModel, str], Planted]:
    def planted(model: IdentifiableModel, _way: str) -> Planted:
        value = model.thresholds[name]
        truth = Truth("another-threshold", None, value if name == "inferred" else f"{value:g}")
        return _plain(model, truth=truth, threshold=value)

    return planted


def _registered(model: IdentifiableModel, _way: str) -> Planted:
    truth = Truth("registered-threshold", None, f"{model.thresholds['1']:g}")
    return _plain(model, truth=truth, stated=model.thresholds["stated"])


def _without(*names: str) -> Callable[[IdentifiableModel, str], Planted]:
    def planted(model: IdentifiableModel, way: str) -> Planted:
        return _plain(model, truth=Truth("other-rules", None, way), without=names)

    return planted


def _rules_of_another(model: IdentifiableModel, way: str) -> Planted:
    return _plain(model, truth=Truth("other-rules", None, way), version="2")


def _decisions_of_another(model: IdentifiableModel, way: str) -> Planted:
    return _plain(model, truth=Truth("other-rules", None, way), decisions_of="2")


#: The ways of causes that come after the inputs.
STEP_WAYS: dict[str, dict[str, Callable[[IdentifiableModel, str], Planted]]] = {
    "registered-threshold": {"the predictions state another": _registered},
    "another-version": {"another artifact": _other_artifact, "the same artifact": _same_artifact},
    "another-threshold": {
        "of another version": _threshold("2"),
        "of a deployment": _threshold("deployed"),
        "of nobody": _threshold("inferred"),
    },
    "other-rules": {
        "none": _without("known", "many"),
        "without known": _without("known"),
        "without many": _without("many"),
        "rules of 2": _rules_of_another,
        "decisions of 2": _decisions_of_another,
    },
    "precision": {"output in 32-bit": _rounded},
}


def _rules(model: IdentifiableModel, version: str) -> list[tuple[str, str, str]]:
    """Return name, condition and decision of a version's rules."""
    whole = model.numbers("int")[0]
    return {
        "1": [("known", "inputs.returning", "accept"), ("many", f"inputs.{whole} >= 30", "review")],
        "2": [("few", f"inputs.{whole} < 5", "decline"), ("known", "inputs.returning", "accept")],
        "3": [("third", f"inputs.{whole} >= 20", "review")],
    }[version]


def _fires(model: IdentifiableModel, name: str, inputs: pl.DataFrame) -> list[bool]:
    whole = inputs[model.numbers("int")[0]]
    holds = {"known": inputs["returning"], "many": whole >= 30, "few": whole < 5, "third": whole >= 20}[name]
    return holds.fill_null(value=False).to_list()


def _mapping(model: IdentifiableModel, version: str) -> dict[str, str]:
    """Return what labels lead to."""
    if model.has_threshold:
        return {"bad": "look closely" if version == "2" else "decline", "good": "accept"}
    return {"high": "look closely" if version == "2" else "decline", "mid": "review", "low": "accept"}


def _recorded(model: IdentifiableModel, place: int, name: str, block: Planted) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of predictions and inputs of a block."""
    rows = block.inputs.height
    ids = [f"{name}-{row:03d}" for row in range(rows)]
    times = [START + place * APART + timedelta(minutes=row) for row in range(rows)]
    labels = block.labels or model.labels(block.outputs, block.threshold)
    mapping = _mapping(model, block.decisions_of)
    rules = ["threshold" if model.has_threshold else "label"] * rows
    decisions = [mapping[label] for label in labels]
    applied = [each for each in _rules(model, block.version) if each[0] not in block.without]
    for rule, _, decision in reversed(applied):
        for row, holds in enumerate(_fires(model, rule, block.inputs)):
            if holds:
                rules[row], decisions[row] = rule, decision
    for row, decision in block.decisions.items():
        decisions[row] = decision
    predictions = pl.DataFrame(
        {
            "prediction_id": ids,
            "occurred_at": times,
            "recorded_at": times,
            "model_name": MODEL,
            "model_version": "1",
            "threshold": pl.Series([block.stated] * rows, dtype=pl.Float64),
            "outputs": block.outputs.with_columns(label=pl.Series(labels, dtype=pl.String)).to_struct(),
            "decision": decisions,
            "decision_rule": rules,
        }
    )
    kept = block.inputs.with_columns(pl.col(each).cast(pl.Float64) for each in model.numbers("float"))
    return predictions, kept.insert_column(0, pl.Series("prediction_id", ids)).insert_column(
        1, pl.Series("recorded_at", times)
    )


def _write(folder: Path, model: IdentifiableModel, blocks: list[tuple[pl.DataFrame, pl.DataFrame]]) -> None:
    registry, first = [], START - timedelta(days=1)
    for version, artifact in (("1", model.artifact), ("2", model.other), ("3", model.artifact)):
        path = folder / "artifacts" / version
        path.parent.mkdir(parents=True, exist_ok=True)
        output = {**model.signature["output"], "decisions": _mapping(model, version)}
        rules = [dict(zip(("name", "when", "decision"), rule, strict=True)) for rule in _rules(model, version)]
        registry.append(
            {
                "model_name": MODEL,
                "model_version": version,
                "recorded_at": first,
                "artifact_uri": f"artifacts/{version}",
                "artifact_sha256": _put(path, artifact),
                "artifact_format": model.artifact_format,
                "signature": json.dumps({**model.signature, "output": output}),
                "output_kind": model.kind,
                "threshold": model.thresholds.get(version),
                "decision_rules": json.dumps(rules),
            }
        )
    deployed = {
        "deployment_id": ["d"],
        "from_time": [first],
        "recorded_at": [first],
        "model_name": [MODEL],
        "model_version": ["1"],
        "configuration": [json.dumps({"threshold": model.thresholds.get("deployed")})],
    }
    tables = {
        "predictions": pl.concat(predictions for predictions, _ in blocks),
        f"inputs/{MODEL}": pl.concat((inputs for _, inputs in blocks), how="vertical_relaxed"),
        "model_versions": pl.DataFrame(registry),
        "deployments": pl.DataFrame(deployed),
    }
    write_log(folder, tables, {"origin": "tests/faulty", "description": "Faults", "notes": []})


def _put(path: Path, artifact: Any) -> str:
    """Write an artifact; return its digest."""
    if isinstance(artifact, bytes):
        path.write_bytes(artifact)
        return hashlib.sha256(artifact).hexdigest()
    from audit_lab.replay.artifacts.folder import folder_digest

    for name, content in artifact.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return folder_digest({name: (hashlib.sha256(file).hexdigest(), len(file)) for name, file in artifact.items()})
