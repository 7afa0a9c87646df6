"""Load an artifact and score frames with it. Runs in the sandbox's child only."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.replay.models.catboost_model import load_catboost
from audit_lab.replay.models.lightgbm_booster import load_lightgbm
from audit_lab.replay.models.onnx_graph import load_onnx
from audit_lab.replay.models.pickled import load_joblib, load_pickle
from audit_lab.replay.models.scorer import ModelFault, Outputs, Scorer
from audit_lab.replay.models.skops_file import load_skops
from audit_lab.replay.models.xgboost_booster import (
    BoosterScorer,
    load_booster,
    load_lifted_booster,
    load_raw_booster,
)
from audit_lab.replay.signature import Signature
from audit_lab.sandbox.imports import keeping_all
from audit_lab.sandbox.job import Answer, Job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["FORMATS", "BoosterScorer", "ModelFault", "Outputs", "Scorer", "load", "load_model", "loaded_model", "score"]

#: How the child reads each format; `audit_lab.replay.artifacts` says which of them a registry may state.
FORMATS: dict[str, Callable[[Path, Signature, Sequence[str]], Scorer]] = {
    "skops": load_skops,
    "xgboost-json": load_booster,
    "xgboost-ubj": load_booster,
    "xgboost-raw": load_raw_booster,
    "xgboost-lifted": load_lifted_booster,
    "lightgbm-text": load_lightgbm,
    "catboost-cbm": load_catboost,
    "onnx": load_onnx,
    "pickle": load_pickle,
    "cloudpickle": load_pickle,
    "dill": load_pickle,
    "joblib": load_joblib,
}

#: Models of this process, which may live for many jobs: a worker is handed one artifact and asked again and again.
_LOADED: dict[tuple[str | int | tuple[str, ...], ...], Scorer] = {}
_MOST_LOADED = 4


def load_model(path: Path, artifact_format: str, signature: Signature, trusted: Sequence[str] = ()) -> Scorer:
    """Load an artifact whose digest was checked.

    Parameters
    ----------
    path
        The file.
    artifact_format
        A key of `FORMATS`.
    signature
        What the registry says of features and output.
    trusted
        Types that a skops file may hold although skops does not know them: named by the user, never by a log.

    Raises
    ------
    ModelFault
        The file does not fit its format, the signature, or what is installed; `code` says which.
    """
    if artifact_format not in FORMATS:
        known = ", ".join(FORMATS)
        message = f"no reader for artifact format {artifact_format!r}; known are {known}"
        raise ModelFault("artifact-format-unknown", message)
    return FORMATS[artifact_format](path, signature, trusted)


def score(job: Job) -> Answer:
    """Task: run file ``artifact`` on table ``inputs``.

    The header gives ``signature``, ``artifact_format`` and ``trusted_types``. The answer is table ``outputs`` with
    those of ``score``, ``label`` (where the model itself gives labels) and ``probabilities`` (where the kind is
    ``multiclass``) that the kind has. Its header has ``notes`` (code and message each),
    ``fingerprint`` (of this child, where the header's ``wants_fingerprint`` asks for it) and
    ``unseen_categories`` (feature and count); where model and registry do not fit together it has ``fault`` (code and
    message) and there is no table.
    """
    inputs = job.tables["inputs"]
    try:
        scorer = loaded_model(job)
        outputs = scorer.outputs(inputs)
    except ModelFault as fault:
        return Answer({"fault": {"code": fault.code, "message": fault.message}})
    notes = [note._asdict() for note in scorer.notes]
    header: dict[str, Any] = {"notes": notes, "unseen_categories": scorer.unseen}
    if job.header.get("wants_fingerprint"):
        from audit_lab.replay.environment.fingerprint_task import present_fingerprint

        header["fingerprint"] = present_fingerprint().to_dict()
    return Answer(header, {"outputs": _table(outputs, inputs.height)})


def load(job: Job) -> Answer:
    """Task: load file ``artifact`` for the jobs that follow. The header is that of `score`; a fault is told by them."""
    with contextlib.suppress(ModelFault):
        loaded_model(job)
    return Answer()


def loaded_model(job: Job) -> Scorer:
    """Return the model of a job, kept for the next one of the same artifact, signature and trust."""
    path, artifact_format = job.files["artifact"], job.header["artifact_format"]
    trusted = tuple(job.header.get("trusted_types", ()))
    key = (str(path), path.stat().st_mtime_ns, artifact_format, job.header["signature"], trusted)
    scorer = _LOADED.pop(key, None)
    if scorer is None:
        with keeping_all():
            scorer = load_model(path, artifact_format, Signature.parse(job.header["signature"]), trusted)
    while len(_LOADED) >= _MOST_LOADED:
        del _LOADED[next(iter(_LOADED))]
    _LOADED[key] = scorer
    return scorer


def _table(outputs: Outputs, rows: int) -> pl.DataFrame:
    columns = {}
    if outputs.scores is not None:
        columns["score"] = pl.Series(outputs.scores, dtype=pl.Float64)
    if outputs.labels is not None:
        columns["label"] = pl.Series(outputs.labels, dtype=pl.String)
    if outputs.probabilities is not None and rows:
        columns["probabilities"] = pl.Series(outputs.probabilities.ravel()).reshape((rows, -1)).arr.to_list()
    return pl.DataFrame(columns)
