"""Find what moved a mean between two windows: read both, say whether it moved, and ask each method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.monitor.cause.attributed import attribution
from audit_lab.monitor.cause.contribution import ATTRIBUTION, EXCHANGE, Method
from audit_lab.monitor.cause.decomposition import find_splits
from audit_lab.monitor.cause.exchange import exchange, model_part
from audit_lab.monitor.cause.result import Cause
from audit_lab.monitor.cause.reweighting import reweighting
from audit_lab.monitor.cause.shift import shift_of
from audit_lab.monitor.cause.sides import Trials, side_of
from audit_lab.monitor.cause.window_rows import check_favourable, window_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from audit_lab.log.store import LogStore
    from audit_lab.monitor.cause.contribution import ModelPart
    from audit_lab.monitor.cause.question import CauseQuestion
    from audit_lab.monitor.cause.result import NamedChange
    from audit_lab.monitor.cause.sides import Side
    from audit_lab.monitor.cause.window_rows import WindowRows
    from audit_lab.replay.runner import Runner

    Progress = Callable[[str, int], None]
    Numbers = npt.NDArray[np.float64]
    #: Another version's part, why there is none, attribution, exchange.
    _Answers = tuple[ModelPart | None, str | None, Method, Method]

__all__ = ["find_cause"]

_MOST_NAMED = 12


def find_cause(
    store: LogStore,
    asked: CauseQuestion,
    runner: Runner,
    *,
    recognised: Callable[[Sequence[str]], Sequence[NamedChange]] | None = None,
    progress: Progress | None = None,
) -> Cause:
    """Return what moved a mean score, or the rate of a decision, between two windows.

    Parameters
    ----------
    store, asked
        The log and the question.
    runner
        Runs versions in the sandbox.
    recognised
        Finds changes of the data that have a name, in the inputs that contribute; what keeps it from that is stated.
    progress
        Called with a word for the work and how much of it was done.

    Raises
    ------
    MisuseError
        A column or the decision is not there.
    LogError
        A window has too few decisions, or a table cannot be read.
    """
    before, after = (
        window_rows(store, asked, span, which) for span, which in ((asked.before, "before"), (asked.after, "after"))
    )
    check_favourable(asked, (before, after))
    features = _features(asked, before, after)
    times = (before.frame["occurred_at"].to_physical().to_numpy(), after.frame["occurred_at"].to_physical().to_numpy())
    is_rate = asked.of == "decision"
    shift = shift_of(before.values, after.values, times, asked.confidence, is_rate=is_rate)
    found: dict[str, Any] = {
        "asked": asked,
        "log": {
            "origin": store.origin,
            "state": store.checkpoint or (store.manifest.sha256 if store.manifest else store.location),
        },
        "shift": shift,
        "versions": (before.versions, after.versions),
        "facts": (*before.facts("before"), *after.facts("after")),
    }
    if not shift.is_beyond_chance and not asked.anyway:
        return Cause(**found, model_part=None, model_absent=None, methods=(), splits=None, changes=())
    weighted = reweighting(before, after, features, unit=asked.of, confidence=asked.confidence)
    part, why, attributed, exchanged = _ByModel(store, asked, runner, progress).of((before, after), features)
    methods = (attributed, weighted, exchanged)
    changes, wanting = _named(recognised, methods)
    return Cause(
        **{**found, "facts": (*found["facts"], *wanting)},
        model_part=part,
        model_absent=why,
        methods=methods,
        splits=find_splits(before, after, features, asked),
        changes=changes,
    )


def _named(
    recognised: Callable[[Sequence[str]], Sequence[NamedChange]] | None, methods: Sequence[Method]
) -> tuple[tuple[NamedChange, ...], list[str]]:
    """Return the changes of features that contribute by any method, and what kept them from being found."""
    features = [
        each.feature for method in methods for each in method.contributions if each.is_sure or each.value is None
    ]
    if recognised is None or not features:
        return (), []
    try:
        return tuple(recognised(list(dict.fromkeys(features)))), []
    except AuditLabError as error:
        return (), [f"changes of the data are not named: {error.message}"]


def _features(asked: CauseQuestion, before: WindowRows, after: WindowRows) -> list[str]:
    known = [name for name in before.features if name in after.features]
    if asked.columns is None:
        return known
    for name in asked.columns:
        if name not in known:
            listed = ", ".join(known[:_MOST_NAMED])
            raise MisuseError(f"there is no input {name!r} of {asked.model}", f"Inputs are {listed}.")
    return list(dict.fromkeys(asked.columns))


@dataclass(frozen=True, eq=False)
class _ByModel:
    """Asks what needs a model."""

    store: LogStore
    asked: CauseQuestion
    runner: Runner
    progress: Progress | None

    def of(self, windows: tuple[WindowRows, WindowRows], features: Sequence[str]) -> _Answers:
        """Return another version's part and why there is none, attribution, and exchange."""
        try:
            before, after = (
                side_of(window, which, self.runner, self.asked)
                for window, which in zip(windows, ("before", "after"), strict=True)
            )
        except AuditLabError as error:
            why = _why(error)
            several = windows[0].versions[0][0] != windows[1].versions[0][0]
            return None, why if several else None, Method.missing(ATTRIBUTION, why), Method.missing(EXCHANGE, why)
        part, why_not, exchanged = self._exchanged((before, after), features)
        return part, why_not, self._attributed((before, after)), exchanged

    def _exchanged(
        self, sides: tuple[Side, Side], features: Sequence[str]
    ) -> tuple[ModelPart | None, str | None, Method]:
        trials = Trials(self.runner, self.asked, self.store.inputs(self.asked.model).collect_schema())
        part, why = None, None
        try:
            outcomes = (trials.recorded(sides[0]), trials.recorded(sides[1]))
            trials.check(sides, outcomes)
            if sides[0].version != sides[1].version:
                part, why = self._parted(trials, sides, outcomes)
            taken = [name for name in features if all(name in side.model.signature.names for side in sides)]
            does = 0.0 if part is None else part.value
            found = exchange(trials, sides, outcomes, taken, self.asked, model=does, progress=self.progress)
        except AuditLabError as error:
            found = Method.missing(EXCHANGE, _why(error))
        return part, why, found

    def _parted(
        self, trials: Trials, sides: tuple[Side, Side], outcomes: tuple[Numbers, Numbers]
    ) -> tuple[ModelPart | None, str | None]:
        try:
            return model_part(trials, sides, outcomes, self.asked.confidence), None
        except AuditLabError as error:
            return None, _why(error)

    def _attributed(self, sides: tuple[Side, Side]) -> Method:
        try:
            return attribution(self.store, self.runner, sides, self.asked, self.progress)
        except MisuseError:
            raise
        except AuditLabError as error:
            return Method.missing(ATTRIBUTION, _why(error))


def _why(error: AuditLabError) -> str:
    code = getattr(error, "code", "")
    said = error.message.rstrip(".")
    return f"{said} ({code})" if code else said
