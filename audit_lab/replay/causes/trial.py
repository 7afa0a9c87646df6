"""Run candidates on recorded rows, all that share a version and a reading in one go, and see what they reproduce."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.errors import ModelError, SandboxError
from audit_lab.replay.comparison import probability_lists
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.distance import same_bits, ulp_distance
from audit_lab.replay.scored import score_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from audit_lab.replay.causes.candidates import Candidate
    from audit_lab.replay.registered import Model
    from audit_lab.replay.signature import Signature
    from audit_lab.replay.tolerance import Tolerance
    from audit_lab.sandbox import Worker

__all__ = ["Outcome", "Recorded", "Setting", "run_candidates"]

#: Where the recorded bits came out, where they nearly did, and how far off each row is.
_Compared = tuple["NDArray[np.bool_]", "NDArray[np.bool_]", "NDArray[np.float64]"]

_ROWS_AT_ONCE = 200_000
#: Near enough to a record is what removes all but this part of the divergence ...
_REMAINDER = 1e-3
#: ... or comes within so many units in the last place.
_FEW_ULPS = 8


@dataclass(frozen=True)
class Setting:
    """What a search for causes is about, and what it may run.

    Parameters
    ----------
    model, others
        The version that the rows state, and the other registered versions of the same model.
    tolerance
        Of its output.
    worker_of
        Gives the child that runs a version.
    """

    model: Model
    others: tuple[Model, ...]
    tolerance: Tolerance
    worker_of: Callable[[Model], Worker]


@dataclass(frozen=True)
class Outcome:
    """What one candidate gave on each row: whether the record came out with the same bits, and whether near enough."""

    candidate: Candidate
    exact: NDArray[np.bool_]
    near: NDArray[np.bool_]
    distance: NDArray[np.float64]


@dataclass(frozen=True)
class Recorded:
    """What the output of some diverged rows is compared with.

    Parameters
    ----------
    rows
        ``recorded_score``, ``recorded_probabilities``, ``recorded_label``, ``threshold``, ``distance`` (of the plain
        replay) and every recorded feature with its prefix.
    kind
        The kind of output; of ``label`` the labels are compared.
    tolerance
        Of the output.
    """

    rows: pl.DataFrame
    kind: str
    tolerance: Tolerance

    @property
    def values(self) -> NDArray[np.float64]:
        """Recorded numbers, shape ``(rows, 1)`` or ``(rows, classes)``; for labels, a number for each text."""
        return self._values(self.rows, recorded=True)

    def compare(self, scored: pl.DataFrame, rounded: Sequence[bool]) -> list[_Compared]:
        """Return, for each of several runs of the rows, where outputs have the recorded bits, are near, and how far.

        Parameters
        ----------
        scored
            The runs one after the other, each as long as `rows`, with ``score``, ``probabilities`` and ``label``.
        rounded
            Of each run, whether its outputs are rounded to 32-bit floats first.
        """
        runs, height = len(rounded), self.rows.height
        if self.kind == "label":
            labels = pl.concat([self.rows["recorded_label"]] * runs)
            same = scored["label"].eq_missing(labels).to_numpy().reshape(runs, height)
            apart = np.where(same, 0.0, np.inf)
            return [(same[run], same[run], apart[run]) for run in range(runs)]
        recorded, replayed = self._both(scored, runs)
        if any(rounded):
            narrow = np.asarray(rounded)
            with np.errstate(over="ignore", invalid="ignore"):
                replayed[narrow] = replayed[narrow].astype(np.float32).astype(np.float64)
        with np.errstate(invalid="ignore"):
            apart = np.abs(recorded - replayed)
            before = self.rows["distance"].fill_null(np.inf).to_numpy()[:, None]
            allowed = np.maximum(self.tolerance.absolute, self.tolerance.relative * np.abs(recorded))
            near = (apart <= np.minimum(allowed, before * _REMAINDER)) | (
                ulp_distance(recorded, replayed)[0] <= _FEW_ULPS
            )
        exact = same_bits(recorded, replayed)
        distance = np.where(exact, 0.0, np.where(np.isnan(apart), np.inf, apart)).max(axis=2)
        equal, close = np.asarray(exact.all(axis=2)), np.asarray((exact | near).all(axis=2))
        return [(equal[run], close[run], distance[run]) for run in range(runs)]

    def _both(self, scored: pl.DataFrame, runs: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return recorded and replayed numbers, each of shape ``(runs, rows, columns)``."""
        kept = self.rows.select("recorded_score", "recorded_probabilities")
        beside = pl.concat([kept] * runs).hstack(scored.select("score", "probabilities"))
        shape = (runs, self.rows.height, -1)
        recorded, replayed = (self._values(beside, recorded=each).reshape(shape) for each in (True, False))
        return recorded, replayed.copy()

    def _values(self, rows: pl.DataFrame, *, recorded: bool) -> NDArray[np.float64]:
        if self.kind == "label":
            return rows["recorded_label"].rank("dense").fill_null(0).to_numpy().astype(np.float64)[:, None]
        if self.kind == "multiclass" and "probabilities" in rows.columns:
            lists = probability_lists(rows)
            if lists is not None and not np.isnan(lists[0]).all():
                return lists[0 if recorded else 1]
        name = "recorded_score" if recorded else "score"
        return rows[name].to_numpy().astype(np.float64)[:, None]


def run_candidates(
    candidates: Sequence[Candidate], recorded: Recorded, worker_of: Callable[[Model], Worker]
) -> list[Outcome]:
    """Run each candidate on each row.

    Parameters
    ----------
    candidates
        What is tried.
    recorded
        The rows, and what is to come out.
    worker_of
        Gives the child that runs a version.

    Returns
    -------
    list of Outcome
        In the order of the candidates; one whose version cannot be run on these rows is left out.
    """
    groups: dict[tuple[int, Signature], list[int]] = {}
    for place, candidate in enumerate(candidates):
        groups.setdefault((id(candidate.model), candidate.signature), []).append(place)
    outcomes: list[tuple[int, Outcome]] = []
    for places in groups.values():
        at_once = max(1, _ROWS_AT_ONCE // max(1, recorded.rows.height))
        for first in range(0, len(places), at_once):
            some = places[first : first + at_once]
            ran = _run([candidates[place] for place in some], recorded, worker_of)
            place_of = {id(candidates[place]): place for place in some}
            outcomes += [(place_of[id(outcome.candidate)], outcome) for outcome in ran]
    return [outcome for _, outcome in sorted(outcomes, key=lambda each: each[0])]


def _run(candidates: list[Candidate], recorded: Recorded, worker_of: Callable[[Model], Worker]) -> list[Outcome]:
    model, signature = candidates[0].model, candidates[0].signature
    try:
        stacked = _stacked(candidates, recorded.rows)
        scored = score_rows(model, stacked, worker_of(model), signature=signature).rows
    except (ModelError, SandboxError, pl.exceptions.PolarsError):
        # A change that the model refuses is none that it answered to; the others are told apart from it.
        return [outcome for some in _parted(candidates) for outcome in _run(some, recorded, worker_of)]
    compared = recorded.compare(scored, [each.rounds_output for each in candidates])
    return [Outcome(candidate, *each) for candidate, each in zip(candidates, compared, strict=True)]


def _parted(candidates: list[Candidate]) -> list[list[Candidate]]:
    """Return candidates by their kinds, as those of one kind are refused together, or else in halves."""
    kinds = list(dict.fromkeys(each.kind for each in candidates))
    if len(kinds) > 1:
        return [[each for each in candidates if each.kind == kind] for kind in kinds]
    half = len(candidates) // 2
    return [candidates[:half], candidates[half:]] if half else []


def _stacked(candidates: Sequence[Candidate], rows: pl.DataFrame) -> pl.DataFrame:
    """Return what each candidate makes of the rows, one after the other, and the threshold.

    Most change one feature, so a column is computed where it is changed and repeated everywhere else; all changes are
    computed in one go.
    """
    changes = {
        f"{place}.{change.meta.output_name()}": change
        for place, candidate in enumerate(candidates)
        for change in candidate.changed
    }
    changed = rows.select(change.alias(name) for name, change in changes.items())
    columns = []
    for name in ("threshold", *(FEATURE + each for each in candidates[0].signature.names)):
        parts = [
            changed[f"{place}.{name}"] if f"{place}.{name}" in changes else rows[name]
            for place in range(len(candidates))
        ]
        if len({part.dtype for part in parts}) > 1:
            frames = [part.alias(name).to_frame() for part in parts]
            columns.append(pl.concat(frames, how="vertical_relaxed", rechunk=True)[name])
        else:
            columns.append(pl.concat(parts, rechunk=True).alias(name))
    return pl.DataFrame(columns)
