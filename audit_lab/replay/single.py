"""Replay one reconstructed decision, through the same code as a batch, and say why it came out as it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.erasure.erased import erased_ids
from audit_lab.log.index.shelf import derived
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.following import SAID
from audit_lab.replay.readiness import ERASED, ERASED_INPUTS, HAS_INPUTS, REDACTED, REPEATED, REPEATED_INPUTS
from audit_lab.replay.recorded_rows import recorded
from audit_lab.replay.redacted import is_redacted, redaction_told
from audit_lab.replay.surroundings import surroundings_of
from audit_lab.replay.verdict import Replay, Verdict
from audit_lab.replay.wording import override_sentence, why

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore
    from audit_lab.replay.reconstruction import Reconstruction
    from audit_lab.replay.runner import Runner
    from audit_lab.replay.surroundings import Surroundings

__all__ = ["recorded_row", "replay_decision"]

#: What another release of a library can be the reason of.
_BY_LIBRARY = ("artifact-corrupt", "library-missing", "model-error", "model-crash", "output-kind-differs")
_OVERRIDES = (None, "override")
_SIDES = ("score", "probabilities", "label", "rule", "decision")


def replay_decision(store: LogStore, decision: Reconstruction, runner: Runner, *, causes: bool = True) -> Replay:
    """Run a decision's recorded inputs through its recorded artifact in a child process and compare.

    Parameters
    ----------
    store, decision
        The log, and the decision.
    runner
        Runs its version.
    causes
        Whether to look for what reproduces the record where it is not reproduced bit for bit.
    """
    row = recorded_row(store, decision)
    (group,) = runner.prepared(row)
    result = runner.replayed([group]).row(0, named=True)
    ran = runner.ran.get(group.name)
    explanation = None
    if causes and group.model is not None and result["verdict"] in (Verdict.DIVERGED, Verdict.WITHIN_TOLERANCE):
        from audit_lab.replay.causes.inquiry import Inquiry

        explanation = Inquiry(store, runner).into_decision(row, result["code"])
    surroundings = surroundings_of(store, decision.judged, decision.model_version, ran)
    # A contest, and its answer, stand in the same table, and change nothing by themselves.
    override = next((each for each in reversed(decision.overrides) if each["kind"] in _OVERRIDES), None)
    tolerance = None if group.model is None else runner.tolerance(group.model)
    reasons = [why(result, tolerance, ran) + override_sentence(override, result)]
    reasons += [] if decision.followed is None else [decision.followed.said]
    reasons += [_redaction(store, decision)] if result["code"] == "inputs-redacted" else []
    reasons += [surroundings.sentence] if result["verdict"] == Verdict.WITHIN_TOLERANCE else []
    reasons += [explanation.statement] if explanation is not None else []
    reasons += [_other_releases(surroundings)] if result["code"] in _BY_LIBRARY else []
    reasons += [found.what for found in decision.findings if found.code == "registration-corrected"]
    return Replay(
        prediction_id=decision.prediction_id,
        place=decision.place,
        model_name=result["model_name"],
        model_version=result["model_version"],
        verdict=Verdict(result["verdict"]),
        code=result["code"],
        why=" ".join(reason for reason in reasons if reason),
        recorded={name: result[f"recorded_{name}"] for name in _SIDES},
        replayed={name: result[f"replayed_{name}"] for name in _SIDES},
        distance=result["distance"],
        ulps=result["ulps"],
        precision=result["precision"],
        tolerance=tolerance if ran else None,
        explanation=explanation,
        override=None if override is None else dict(override),
        artifact_sha256=(decision.model_version or {}).get("artifact_sha256"),
        isolation=ran.isolation if ran else {},
        environment=ran.environment if ran else "nothing ran",
        differences=surroundings.differences,
        same_numerics=surroundings.same_numerics,
        notes=(*(ran.sentences() if ran else ()), *surroundings.problems),
    )


def _redaction(store: LogStore, decision: Reconstruction) -> str:
    """Say what was changed, and why no replay of it can be exact."""
    names = () if decision.signature is None else decision.signature.names
    told, _ = redaction_told(store, decision.prediction["writer_id"], names)
    return f"{told}. No replay can be exact: it would score other values." if told else ""


def _other_releases(surroundings: Surroundings) -> str:
    """Name the recorded releases that are others here, where a library could not run a model."""
    names = [each for each in surroundings.differences if each.matters and each.field.startswith("packages.")]
    if not names:
        return ""
    said = ", ".join(
        f"{each.field.removeprefix('packages.')} {each.recorded} (here {each.present or 'none'})" for each in names
    )
    return f"It was recorded with other releases: {said}. Replay it in the recorded environment."


def recorded_row(store: LogStore, decision: Reconstruction) -> pl.DataFrame:
    """Return a decision as one row of the form that `audit_lab.replay.recorded_rows.Chunk` describes."""
    own = {**decision.judged, "place": decision.place}
    prediction = pl.DataFrame([own], schema_overrides=_dtypes(store, "predictions"))
    model, table = decision.prediction["model_name"], f"{INPUTS_PREFIX}{decision.prediction['model_name']}"
    features: dict[str, Any] = {}
    if model in store.models():
        dtypes = _dtypes(store, table)
        features = {name: dtypes[name] for name in dtypes if name not in ("prediction_id", "recorded_at")}
    values = decision.inputs or {}
    columns = [
        pl.Series(FEATURE + name, [values.get(name)], dtype=dtype, strict=False) for name, dtype in features.items()
    ]
    sealed = store.checkpoint is not None
    gone = sealed and decision.prediction_id in erased_ids(store, "predictions", ("outputs",))
    erased = sealed and bool(features) and decision.prediction_id in erased_ids(store, table, list(features))
    twice = len(decision.places) > 1
    unclear = decision.inputs is None and any(gap.code == "ambiguous-id" for gap in decision.gaps)
    return prediction.select(
        *recorded(),
        *columns,
        pl.lit(None if decision.followed is None else decision.followed.said, dtype=pl.String).alias(SAID),
        is_redacted(store).alias(REDACTED),
        pl.lit(twice).alias(REPEATED),
        pl.lit(gone).alias(ERASED),
        pl.lit(True if decision.inputs is not None else None, dtype=pl.Boolean).alias(HAS_INPUTS),
        pl.lit(unclear).alias(REPEATED_INPUTS),
        pl.lit(erased).alias(ERASED_INPUTS),
    )


def _dtypes(store: LogStore, table: str) -> dict[str, pl.DataType]:
    return derived(store, ("schema for a row", table), (table,), lambda: dict(store.table(table).collect_schema()))
