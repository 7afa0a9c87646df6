"""What a log is asked about a model over time: what moved, since when, why, and what it did to whom."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import polars as pl

from audit_lab.face.replays import Replays, When

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from audit_lab.explain.background import BackgroundRows
    from audit_lab.explain.cohorts import CohortAttribution
    from audit_lab.monitor.drift import Drift
    from audit_lab.sandbox import Limits

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

    def attributions(
        self,
        ids_or_expression: str | pl.Expr | Sequence[str] | pl.Series | None = None,
        *,
        since: When = None,
        until: When = None,
        model: str | None = None,
        version: str | None = None,
        perturbation: Literal["interventional", "path-dependent"] | None = None,
        output: Literal["probability", "log-odds", "margin", "value"] | None = None,
        background: BackgroundRows | int = 100,
        seed: int = 0,
        rows: int | None = None,
        trust: Collection[str] = (),
        trusted_types: Collection[str] = (),
        limits: Limits | None = None,
        progress: Callable[[str, int], None] | None = None,
    ) -> CohortAttribution:
        """Add up SHAP values of the decisions of a window or a group, all of one version.

        Parameters
        ----------
        ids_or_expression, since, until, model
            As in `decisions`; everything when nothing is given.
        version
            Only decisions of this model version.
        perturbation, output
            As for `audit_lab.explain.explain`; path-dependent values of margins where the version allows them.
        background
            What interventional values are against: the `background_rows` of another group, or how many decisions of the
            version before this one.
        seed
            Of the background, of what is sampled, and of the rows that are kept one by one.
        rows
            Explain at most so many, chosen by the SHA-256 of their ids; all, or 200 where each takes thousands of the
            model's scores.
        trust, trusted_types, limits
            As in `replay`.
        progress
            Called after each block of rows with ``decisions`` and how many it has.

        Raises
        ------
        MisuseError
            The decisions are of several versions, or something cannot be asked so.
        NotFoundError
            No decision matches.
        ModelError
            None of them can be explained; `code` says why.
        """
        from audit_lab.explain.cohorts import attribute_cohort
        from audit_lab.face.asked_for import AskedFor
        from audit_lab.face.cohort_search import cohort_asked

        named = AskedFor(ids_or_expression)
        with self._access.asking(
            "attributions",
            named.words,
            since=since,
            until=until,
            model=model,
            version=version,
            perturbation=perturbation,
            output=output,
            seed=seed,
            most=rows,
            trust=[*trust, *trusted_types] or None,
        ) as answer:
            asked = cohort_asked(self._store, named, since=since, until=until, model=model, version=version)
            found = attribute_cohort(
                asked,
                self._runner("present", trust, trusted_types, limits),
                perturbation=perturbation,
                output=output,
                background=background,
                seed=seed,
                rows=rows,
                progress=progress,
            )
            answer.rows = found.matching + len(found.background.rows)
            answer.touches("predictions", self._columns("predictions"))
            self._touches_inputs(answer, [found.model_name])
        find_rows = found.ask

        def ask(feature: str, number: int) -> pl.DataFrame:
            with self._access.asking("attributions rows", feature, bin=number, of=found.digest) as answer:
                behind = find_rows(feature, number) if find_rows is not None else pl.DataFrame()
                answer.rows = behind.height
                self._touches_inputs(answer, [found.model_name])
                return behind

        return replace(found, ask=ask)
