"""Run recorded rows through a version's artifact in the sandbox, and carry its outputs on to the decision."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import polars as pl

from audit_lab.errors import ModelError, SandboxError
from audit_lab.replay.decision_rules import FEATURE, MODEL_LABEL, decide
from audit_lab.replay.models.imports import libraries_of
from audit_lab.sandbox import warm_worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.replay.registered import Model
    from audit_lab.replay.signature import Signature
    from audit_lab.sandbox import Limits, PythonEnvironment, TaskResult, Worker

__all__ = ["OUTPUTS", "Scored", "failure_code", "load_ahead", "score_rows", "worker_for"]

_SCORE = "audit_lab.replay.scoring:score"
_LOAD = "audit_lab.replay.scoring:load"
_TASK_CODES = {
    "timeout": "model-timeout",
    "memory": "model-memory",
    "crash": "model-crash",
    "error": "model-error",
    "isolation": "isolation-missing",
}

#: What each child said that it consists of, after it had run its model for the first time.
_fingerprints: WeakKeyDictionary[Worker, dict[str, Any]] = WeakKeyDictionary()

#: What an error says where an artifact tried what the sandbox forbids.
_TRESPASSES = ("the sandbox refuses", "tried to start a process or to open a socket")

#: What the sandbox's child answers for each row, or some of it; the rest is null.
OUTPUTS = pl.Schema({"score": pl.Float64(), "label": pl.String(), "probabilities": pl.List(pl.Float64())})
_NAMED = {"label": MODEL_LABEL}


@dataclass(frozen=True)
class Scored:
    """Rows with ``score``, ``probabilities``, ``label``, ``decision_rule`` and ``decision``, and how they came about.

    Parameters
    ----------
    rows
        The rows that were given, in their order, with those columns.
    isolation
        What bound the child that ran the model.
    notes
        What the model's loader had to say, for example that the artifact has no names to be compared.
    unseen
        Feature to how many of its values are no category that the model knows.
    fingerprint
        Interpreter, libraries and numerics that ran, as JSON-safe values.
    """

    rows: pl.DataFrame
    isolation: dict[str, str]
    notes: tuple[str, ...]
    unseen: dict[str, int]
    fingerprint: dict[str, Any]


def worker_for(model: Model, *, limits: Limits | None = None, environment: PythonEnvironment | None = None) -> Worker:
    """Return the warm child that runs a version's artifact, started where there is none.

    Parameters
    ----------
    model
        The version.
    limits
        What the child may use for one run.
    environment
        Another interpreter environment to run in.

    Raises
    ------
    SandboxError
        The child cannot be started, or may not be: an artifact that is trusted for its digest alone may do anything,
        and so may packages that a log chose. They run only where nothing is open to them.
    """
    return warm_worker(
        {"artifact": model.artifact.content},
        limits=limits,
        environment=environment,
        must_isolate=model.artifact.trusted_by_digest or environment is not None,
        libraries=libraries_of(model.artifact.artifact_format),
        digests={"artifact": model.artifact.content_sha256},
    )


def score_rows(model: Model, rows: pl.DataFrame, worker: Worker, *, signature: Signature | None = None) -> Scored:
    """Score rows with a version's artifact and decide by its threshold and rules.

    Parameters
    ----------
    model
        The version.
    rows
        ``threshold`` and the version's features, each named with the prefix `FEATURE`.
    worker
        The child to run it in, as `worker_for` gives it.
    signature
        Read the rows by this signature instead of the version's own, for example with its categories in another order.

    Raises
    ------
    ModelError
        The artifact cannot be read as its format, does not fit its signature, or a rule does not fit the rows.
    SandboxError
        The child did not come to an end of its own.
    """
    signature = signature or model.signature
    result = worker.run(
        _SCORE,
        header={**_about(model, signature), "wants_fingerprint": worker not in _fingerprints},
        tables={"inputs": pl.DataFrame([rows[FEATURE + name].alias(name) for name in signature.names])},
    )
    outputs = _outputs(result, rows.height, model.name)
    decided = decide(rows.hstack(outputs), signature, model.rules, model.name)
    if isinstance(result.header.get("fingerprint"), dict):
        _fingerprints[worker] = result.header["fingerprint"]
    return Scored(
        decided,
        result.isolation,
        _notes(result.header),
        _unseen(result.header, signature),
        _fingerprints.get(worker, {}),
    )


def load_ahead(model: Model, worker: Worker) -> None:
    """Let a child load its artifact before there are rows for it; what comes of that, the first rows will tell."""
    with suppress(SandboxError):
        worker.run(_LOAD, header=_about(model, model.signature), tables={})


def _about(model: Model, signature: Signature) -> dict[str, Any]:
    return {
        "signature": signature.to_json(),
        "artifact_format": model.artifact.artifact_format,
        "trusted_types": list(model.trusted_types),
    }


def failure_code(error: ModelError | SandboxError) -> str:
    """Return the code of a verdict for a version that could not be run."""
    if any(mark in error.message for mark in _TRESPASSES):
        return "model-trespass"
    return error.code if isinstance(error, ModelError) else _TASK_CODES.get(error.reason, "model-output")


def _outputs(result: TaskResult, rows: int, name: str) -> pl.DataFrame:
    """Return the child's answer, which is no more to be relied on than the artifact; its label is `MODEL_LABEL`."""
    _raise_fault(result.header.get("fault"), name)
    outputs = result.tables.get("outputs")
    if outputs is None or not outputs.schema.items() <= OUTPUTS.items() or outputs.height != rows:
        raise SandboxError(f"the outputs of {name} are not one for each row", "Treat it as hostile.", "output")
    if not rows:
        return OUTPUTS.to_frame().rename(_NAMED)
    return pl.DataFrame(
        [
            outputs[name].alias(_NAMED.get(name, name))
            if name in outputs.columns
            else pl.Series(_NAMED.get(name, name), [None], dtype).new_from_index(0, rows)
            for name, dtype in OUTPUTS.items()
        ]
    )


def _raise_fault(fault: Mapping[str, Any] | None, name: str) -> None:
    if fault is not None:
        from audit_lab.replay.verdict import EFFECTS

        code, message = str(fault.get("code")), str(fault.get("message"))[:500]
        known = code if code in EFFECTS else "model-error"
        raise ModelError(f"{name}: {message}", "Compare the registry's row with the artifact's owner.", known)


def _notes(header: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the model's loader had to say; it may come from a hostile file, so it is cut."""
    notes = header.get("notes")
    said = [str(note.get("message")) for note in notes if isinstance(note, dict)] if isinstance(notes, list) else []
    return tuple(text[:500] for text in said[:50])


def _unseen(header: Mapping[str, Any], signature: Signature) -> dict[str, int]:
    counts = header.get("unseen_categories")
    if not isinstance(counts, dict):
        return {}
    return {name: count for name in signature.names if isinstance(count := counts.get(name), int) and count > 0}
