"""A decision's own row, ready to be run again and again: kept at hand between the states of a what-if."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import ModelError
from audit_lab.explain.explanation_cache import ExplanationCache
from audit_lab.log.erasure.erased import erased_ids
from audit_lab.log.files.printable import printable
from audit_lab.log.index.shelf import derived
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.replay.artifacts.stamps import artifact_stamps
from audit_lab.replay.single import recorded_row
from audit_lab.replay.verdict import EFFECTS
from audit_lab.replay.wording import why

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.explain.what_if.asked import Asked
    from audit_lab.explain.what_if.trial import Ran
    from audit_lab.log.store import LogStore
    from audit_lab.replay.reconstruction import Reconstruction
    from audit_lab.replay.registered import Model
    from audit_lab.replay.runner import Prepared, Runner, Tried

__all__ = ["Ready", "cannot_be_run", "ready_to_run"]

#: What keeps a decision from being compared with a replay, and not from being run again.
_WITHOUT_RECORD = ("output-missing", "threshold-missing")
#: Larger artifacts are read again for each state, as for each replay.
_LARGEST_KEPT_BYTES = 64_000_000


@dataclass(frozen=True)
class Ready:
    """What runs a decision's version, its row, and the version; `without_record` says why nothing is compared."""

    runner: Runner
    group: Prepared
    model: Model
    without_record: str | None
    _told: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False, compare=False)

    def replayed(self, ran: Ran) -> tuple[str, str]:
        """Return the code of the original's replay, and why it came out so."""
        if self.without_record is not None or ran.replay is None:
            code = self.without_record or "model-error"
            return code, EFFECTS[code]
        came_out = repr(ran.outcomes[0])
        if came_out not in self._told:
            self._told[came_out] = self._compared(ran.replay)
        return self._told[came_out]

    def _compared(self, tried: Tried) -> tuple[str, str]:
        result = self.runner.finished([(self.group, tried)]).row(0, named=True)
        return result["code"], why(result, self.runner.tolerance(self.model), self.runner.ran.get(self.group.name))


def ready_to_run(store: LogStore, decision: Reconstruction, runner: Callable[[], Runner], asked: Asked) -> Ready:
    """Return a decision ready to be run; made again only where the log, its registry or the artifact changed.

    Parameters
    ----------
    store, decision
        The log, and the decision.
    runner
        Makes what runs its version as it was asked.
    asked
        What of the question bears on how it is run.

    Raises
    ------
    ModelError
        It cannot be run; `code` says why.
    """
    table = f"{INPUTS_PREFIX}{decision.prediction['model_name']}"
    stamps = artifact_stamps(store, (decision.model_version or {}).get("artifact_uri"))
    if (
        decision.prediction["model_name"] not in store.models()
        or stamps is None
        or sum(each.size_bytes for each in stamps if each) > _LARGEST_KEPT_BYTES
    ):
        return _made(store, decision, runner())
    # What was erased by now is erased, whatever was read before.
    erased = store.checkpoint is not None and any(
        decision.prediction_id in erased_ids(store, name, fields)
        for name, fields in (("predictions", ["outputs"]), (table, list(decision.inputs or ())))
    )
    key = ("what if", decision.place, asked.environment, asked.trust, asked.trusted_types, asked.limits, erased)
    tables = ("predictions", table, "model_versions")
    return derived(store, key, tables, lambda: _made(store, decision, runner()), *stamps)


def cannot_be_run(decision: Reconstruction, code: str, detail: str | None) -> ModelError:
    """Return the error that a decision's own inputs cannot be run."""
    effect = EFFECTS.get(code, "The model gave no answer.")
    more = f" ({printable(detail, 300)})" if detail else ""
    return ModelError(
        f"other inputs of the prediction {printable(decision.prediction_id)} cannot be tried, for its own cannot be "
        f"run: {effect.rstrip('.')}{more}",
        "Replay it to see what is missing.",
        code,
    )


def _made(store: LogStore, decision: Reconstruction, runner: Runner) -> Ready:
    (group,) = runner.prepared(recorded_row(store, decision))
    code = group.rows["code"][0]
    if code == "erased":
        ExplanationCache().forget(decision.prediction_id)
    without_record = code if code in _WITHOUT_RECORD else None
    if group.model is None or (code is not None and without_record is None):
        raise cannot_be_run(decision, code, group.rows["detail"][0])
    rows = group.rows.with_columns(code=pl.lit(None, dtype=pl.String)) if without_record else group.rows
    return Ready(runner, replace(group, rows=rows), group.model, without_record)
