"""What a log is asked about a model over time: what moved, since when, why, and what it did to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.face.replays import Replays, When

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.monitor.drift import Drift

__all__ = ["Monitored"]


class Monitored(Replays):
    """The questions about windows of time that an opened log answers."""

    def drift(
        self,
        columns: Sequence[str] | None = None,
        *,
        every: str = "1w",
        reference: tuple[When, When] | None = None,
        model: str | None = None,
    ) -> Drift:
        """Compare each window's inputs, score and decision with a reference period.

        Parameters
        ----------
        columns
            Which to look at; all inputs, ``score`` and ``decision`` when omitted.
        every
            Length of a window: ``1d``, ``1w`` (from Monday) or ``1mo``.
        reference
            Half-open range [from, to) to compare with; the first eight weeks when omitted.
        """
        from audit_lab.face.drift_search import drift_of

        with self._access.asking("drift", every=every, columns=columns, reference=reference, model=model) as answer:
            moved, touched = drift_of(self._store, columns, every, reference, model)
            answer.columns |= touched
            counted = moved.table.group_by("column").agg(pl.col("rows").sum())["rows"]
            answer.rows = int(counted.max() or 0)  # type: ignore[arg-type]
            return moved
