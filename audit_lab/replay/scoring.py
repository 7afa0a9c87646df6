"""Load an artifact and score frames with it. Runs in the sandbox's child only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.replay.models.scorer import ModelFault, Outputs, Scorer
from audit_lab.replay.models.sklearn_estimator import load_skops
from audit_lab.replay.models.xgboost_booster import BoosterScorer, load_booster

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from audit_lab.replay.signature import Signature
    from audit_lab.sandbox.job import Answer, Job

__all__ = ["FORMATS", "BoosterScorer", "ModelFault", "Outputs", "Scorer", "load_model", "score"]

FORMATS: dict[str, Callable[[Path, Signature, Sequence[str]], Scorer]] = {
    "skops": load_skops,
    "xgboost-json": load_booster,
    "xgboost-ubj": load_booster,
}


def load_model(path: Path, artifact_format: str, signature: Signature, trusted: Sequence[str] = ()) -> Scorer:
    """Load an artifact whose digest was checked.

    Raises
    ------
    ModelFault
        The file does not fit its format, the signature, or what is installed; `code` says which.
    """
    if artifact_format not in FORMATS:
        known = ", ".join(FORMATS)
        raise ModelFault(
            "artifact-format-unknown", f"no reader for artifact format {artifact_format!r}; known are {known}"
        )
    load = FORMATS[artifact_format]
    return load(path, signature, trusted)


def score(job: Job) -> Answer:
    """Task: run file ``artifact`` on table ``inputs``.

    The header gives ``signature``, ``artifact_format`` and ``trusted_types``. The answer is table ``outputs`` with
    ``score`` (null where the kind has none), ``label`` (null unless the model itself gives labels) and
    ``probabilities`` (null unless the kind is ``multiclass``). Its header has ``notes`` (code and message each) and
    ``unseen_categories`` (feature and count); where model and registry do not fit together it has ``fault`` (code and
    message) and there is no table.
    """
    from audit_lab.replay.signature import Signature
    from audit_lab.sandbox.job import Answer

    signature = Signature.parse(job.header["signature"])
    trusted = tuple(job.header.get("trusted_types", ()))
    try:
        scorer = load_model(job.files["artifact"], job.header["artifact_format"], signature, trusted)
        outputs = scorer.outputs(job.tables["inputs"])
    except ModelFault as fault:
        return Answer({"fault": {"code": fault.code, "message": fault.message}})
    notes = [note._asdict() for note in scorer.notes]
    table = _table(outputs, job.tables["inputs"].height)
    tables = {"outputs": table, "scores": table.select("score")}
    return Answer({"notes": notes, "unseen_categories": scorer.unseen}, tables)


def _table(outputs: Outputs, rows: int) -> pl.DataFrame:
    nothing = [None] * rows
    if outputs.probabilities is None:
        probabilities = pl.Series(nothing, dtype=pl.List(pl.Float64))
    else:
        width = outputs.probabilities.shape[1]
        flat = pl.Series(outputs.probabilities.ravel())
        probabilities = flat.reshape((rows, width)).arr.to_list() if rows else pl.Series([], dtype=pl.List(pl.Float64))
    return pl.DataFrame(
        {
            "score": pl.Series(nothing if outputs.scores is None else outputs.scores, dtype=pl.Float64),
            "label": pl.Series(nothing if outputs.labels is None else outputs.labels, dtype=pl.String),
            "probabilities": probabilities,
        }
    )
