"""Run candidates on recorded rows, all that share a version and a reading in one go, and see what they reproduce."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.errors import ModelError, SandboxError
from audit_lab.replay.comparison import probability_lists
from audit_lab.replay.distance import same_bits, ulp_distance
from audit_lab.replay.scored import score_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from audit_lab.replay.causes.candidates import Candidate
    from audit_lab.replay.registered import Model
    from audit_lab.replay.tolerance import Tolerance
    from audit_lab.sandbox import Worker

__all__ = ["Outcome", "Recorded", "Setting", "run_candidates"]

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

    def compare(
        self, scored: pl.DataFrame, *, rounds: bool
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64]]:
        """Return where outputs have the recorded bits, where they are near enough, and how far they are.

        Parameters
        ----------
        scored
            The rows with ``score``, ``probabilities`` and ``label``, as many as `rows`.
        rounds
            Whether outputs are rounded to 32-bit floats first.
        """
        if self.kind == "label":
            same = (scored["label"].eq_missing(self.rows["recorded_label"])).to_numpy()
            return same, same, np.where(same, 0.0, np.inf)
        beside = self.rows.select("recorded_score", "recorded_probabilities").hstack(
            scored.select("score", "probabilities")
        )
        recorded, replayed = self._values(beside, recorded=True), self._values(beside, recorded=False)
        if rounds:
            with np.errstate(over="ignore", invalid="ignore"):
                replayed = replayed.astype(np.float32).astype(np.float64)
        with np.errstate(invalid="ignore"):
            apart = np.abs(recorded - replayed)
            before = self.rows["distance"].fill_null(np.inf).to_numpy()[:, None]
            allowed = np.maximum(self.tolerance.absolute, self.tolerance.relative * np.abs(recorded))
            few = ulp_distance(recorded, replayed)[0] <= _FEW_ULPS
            near = (apart <= np.minimum(allowed, before * _REMAINDER)) | few
        exact = same_bits(recorded, replayed)
        distance: NDArray[np.float64] = np.where(exact, 0.0, np.where(np.isnan(apart), np.inf, apart)).max(axis=1)
        return np.asarray(exact.all(axis=1)), np.asarray((exact | near).all(axis=1)), distance

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
    groups: dict[tuple[int, str], list[int]] = {}
    for place, candidate in enumerate(candidates):
        groups.setdefault((id(candidate.model), candidate.signature.to_json()), []).append(place)
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
    rows = recorded.rows
    try:
        stacked = pl.concat([each.inputs(rows) for each in candidates], how="vertical_relaxed")
        threshold = pl.concat([rows.select("threshold")] * len(candidates))
        scored = score_rows(model, stacked.hstack(threshold), worker_of(model), signature=signature).rows
    except (ModelError, SandboxError, pl.exceptions.PolarsError):
        # A change that the model refuses is none that it answered to; the others are told apart from it by halves.
        half = len(candidates) // 2
        halves = (candidates[:half], candidates[half:]) if half else ()
        return [outcome for some in halves for outcome in _run(some, recorded, worker_of)]
    found = []
    for place, candidate in enumerate(candidates):
        part = scored.slice(place * rows.height, rows.height)
        found.append(Outcome(candidate, *recorded.compare(part, rounds=candidate.rounds_output)))
    return found
