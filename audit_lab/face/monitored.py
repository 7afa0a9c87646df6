"""What a log is asked about a model over time: what moved, since when, why, and what it did to whom."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from audit_lab.face.caused import Caused
from audit_lab.face.progress import shown_while, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from audit_lab.explain.background import BackgroundRows
    from audit_lab.explain.cohorts import CohortAttribution
    from audit_lab.face.decision import Decision
    from audit_lab.face.drift_of_log import DriftOfLog
    from audit_lab.face.measured_of_log import FairnessOfLog, PerformanceOfLog
    from audit_lab.face.replays import When
    from audit_lab.monitor.multivariate import MultivariateDrift
    from audit_lab.sandbox import Limits

__all__ = ["Monitored"]


class Monitored(Caused):
    """The questions about windows of time that an opened log answers."""

    def drift(
        self,
        columns: Sequence[str] | None = None,
        *,
        every: str = "1w",
        reference: tuple[When, When] | str | Path | pl.DataFrame | pl.LazyFrame | None = None,
        model: str | None = None,
        zone: str = "UTC",
        around: Decision | When = None,
        before: str = "4w",
        after: str = "0d",
        false_alarms: float = 0.05,
        seed: int = 0,
        progress: Callable[[str, int], None] | None = None,
    ) -> DriftOfLog:
        """Compare each window's inputs, score and decision with a reference.

        Parameters
        ----------
        columns
            All inputs, ``score`` and ``decision`` when omitted. ``label`` (predicted), ``outcome`` and
            ``outcome_value`` (the last recorded) can be named too.
        every
            Length of a window: ``1h``, ``1d``, ``1w`` (from Monday) or ``1mo``; or ``version``, one for each version.
        reference
            Half-open range [from, to) to compare with; ``rolling:4`` for the four windows before each; the path of a
            Parquet file, or a frame, as of training data. When omitted: the first eight weeks, around a decision the
            eight weeks before the windows, by version the first one.
        model
            May be left out where the log has one.
        zone
            IANA time zone whose calendar cuts days, weeks and months.
        around
            A decision, its id, or a moment: windows are counted from it, over `before` and `after`, each like ``4w``,
            ``10d`` or ``36h``.
        false_alarms
            With which probability a question about rows without drift may raise any alert.
        seed
            Of the resampling that calibrates this.
        progress
            Called with the name of each table that is read next and how many rows it has; what it raises ends the
            question. When omitted, whoever waits for longer than a second in a terminal or a notebook is shown it.
        """
        from audit_lab.face.drift_of_log import drift_of_log
        from audit_lab.face.drift_search import DriftQuestion, drift_of

        asked = DriftQuestion(
            columns, every, reference, model, zone, around, before, after, false_alarms=false_alarms, seed=seed
        )
        with self._access.asking("drift", **asked.words()) as answer, shown_while("drift", progress) as tell:
            moved, touched = drift_of(watched(self._store, tell), asked)
            answer.columns |= touched
            counted = moved.table.group_by("column").agg(pl.col("rows").sum())["rows"]
            answer.rows = int(counted.max() or 0)  # type: ignore[arg-type]
            return drift_of_log(moved, model, self.decisions, self.foremost)

    def drift_together(
        self,
        columns: Sequence[str] | None = None,
        *,
        every: str = "1w",
        reference: tuple[When, When] | str | Path | pl.DataFrame | pl.LazyFrame | None = None,
        model: str | None = None,
        zone: str = "UTC",
        around: Decision | When = None,
        before: str = "4w",
        after: str = "0d",
        false_alarms: float = 0.05,
        seed: int = 0,
        progress: Callable[[str, int], None] | None = None,
    ) -> MultivariateDrift:
        """Compare the rows of each window with a reference as wholes: what no column shows alone.

        Parameters
        ----------
        columns, every, reference, model, zone, around, before, after, seed
            As in `drift`; a rolling reference is refused.
        false_alarms
            The false discovery rate over the windows.
        progress
            Called with the name of each table that is read next and how many rows it has; what it raises ends the
            question. When omitted, whoever waits for longer than a second in a terminal or a notebook is shown it.
        """
        from audit_lab.face.drift_search import DriftQuestion, drift_together_of

        asked = DriftQuestion(
            columns, every, reference, model, zone, around, before, after, false_alarms=false_alarms, seed=seed
        )
        with self._access.asking("drift together", **asked.words()) as answer, shown_while("drift", progress) as tell:
            moved, touched = drift_together_of(watched(self._store, tell), asked)
            answer.columns |= touched
            answer.rows = int(moved.table["rows"].sum())
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
        with (
            self._access.asking(
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
            ) as answer,
            shown_while("attributions", progress),
        ):
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

        return replace(found, ask=ask, decisions_of=self.decisions)

    def performance(
        self,
        *,
        every: str | None = "1mo",
        since: When = None,
        until: When = None,
        model: str | None = None,
        by_version: bool = False,
        as_of: When = None,
        costs: Mapping[Any, float] | None = None,
        positive: str | None = None,
        hosmer_lemeshow: bool = False,
        zone: str = "UTC",
        progress: Callable[[str, int], None] | None = None,
    ) -> PerformanceOfLog:
        """Hold what a model said, and what was decided, against the outcomes, window by window.

        Parameters
        ----------
        every
            Length of a window: ``1h``, ``1d``, ``1w`` (from Monday) or ``1mo``; one window for everything when None.
        since, until
            Only predictions of ``since <= occurred_at < until``.
        model
            May be left out where the log has one.
        by_version
            Whether the versions are measured apart.
        as_of
            Measures predictions before this moment twice: by what was recorded then, and by what is known now.
        costs
            What each pair of (what was said, what came true) costs; pairs that are not named cost nothing. For two
            classes also ``tp``, ``fp``, ``fn``, ``tn``.
        positive
            The label that the score is the probability of, where the registry does not say.
        hosmer_lemeshow
            Whether calibration is tested with Hosmer and Lemeshow's test, too.
        zone
            IANA zone whose days, weeks and months the windows are.
        progress
            Called with the name of each table that is read next and how many rows it has; what it raises ends the
            question. When omitted, whoever waits for longer than a second in a terminal or a notebook is shown it.

        Raises
        ------
        MisuseError
            A time, the window, the positive label or the costs do not fit the log.
        LogError
            There is no prediction to measure, or a table cannot be read.
        """
        from audit_lab.face.measured_of_log import performance_of_log
        from audit_lab.face.outcome_questions import performance_of

        asked: dict[str, Any] = {"every": every, "since": since, "until": until, "model": model, "as_of": as_of}
        by = "version" if by_version else None
        words = {**asked, "zone": None if zone == "UTC" else zone}
        words |= {"by": by, "costs": costs, "positive": positive}
        with self._access.asking("performance", **words) as answer, shown_while("performance", progress) as tell:
            found = performance_of(
                watched(self._store, tell),
                **asked,
                zone=zone,
                by_version=by_version,
                costs=costs,
                positive=positive,
                hosmer_lemeshow=hosmer_lemeshow,
            )
            answer.rows = int(found.windows["rows"].sum())
            answer.touches("predictions", ("outputs", "decision"))
            answer.touches("outcomes", ("label", "value"))
            answer.touches("overrides", ("decision_after",))
            return performance_of_log(found, self.foremost)

    def fairness(
        self,
        groups: Sequence[str],
        *,
        favourable: str,
        qualified: str | None = None,
        of: str = "final decision",
        bands: Mapping[str, Sequence[float]] | None = None,
        every: str | None = None,
        since: When = None,
        until: When = None,
        model: str | None = None,
        by_version: bool = False,
        intersections: bool = True,
        minimum: int = 10,
        as_of: When = None,
        zone: str = "UTC",
        progress: Callable[[str, int], None] | None = None,
    ) -> FairnessOfLog:
        """Count decisions by group, and compare the groups' rates; it says what differs, never why.

        Parameters
        ----------
        groups
            Columns of inputs or predictions, or expressions as in `find` that are true or false.
        favourable
            The decision (or label) that people want, like ``approve``.
        qualified
            The outcome that shows that it was deserved; the one whose label leads to `favourable` when None.
        of
            What is counted: ``final decision`` (after persons changed some), ``decision`` or ``label``.
        bands
            For a numeric column, the lower edges of its bands after the first: ``{"age": [25, 40]}`` makes three.
        every
            Length of a window; one for everything when None.
        since, until, model, by_version, as_of, zone
            As in `performance`; `as_of` counts by what was recorded then, and nothing else.
        intersections
            Whether all groups together are counted too, when there are several.
        minimum
            Groups with fewer rows are suppressed, and others that would let them be computed.
        progress
            Called with the name of each table that is read next and how many rows it has; what it raises ends the
            question. When omitted, whoever waits for longer than a second in a terminal or a notebook is shown it.

        Raises
        ------
        MisuseError
            A group, band, decision or time does not fit the log.
        LogError
            There is no prediction to count, or a table cannot be read.
        """
        from audit_lab.face.measured_of_log import fairness_of_log
        from audit_lab.face.outcome_questions import fairness_of

        asked: dict[str, Any] = {"favourable": favourable, "qualified": qualified, "of": of, "bands": bands}
        asked |= {"every": every, "since": since, "until": until, "model": model, "as_of": as_of, "minimum": minimum}
        by = "version" if by_version else None
        words = {**asked, "zone": None if zone == "UTC" else zone}
        by_groups = "; ".join(groups)
        asking = self._access.asking("fairness by", by_groups, **words, by=by)
        with asking as answer, shown_while("fairness", progress) as tell:
            found = fairness_of(
                watched(self._store, tell),
                groups,
                **asked,
                zone=zone,
                by_version=by_version,
                intersections=intersections,
            )
            answer.rows = found.rows
            answer.touches("predictions", ("outputs", "decision"))
            answer.touches("outcomes", ("label", "value"))
            answer.touches("overrides", ("decision_after",))
            answer.touches("inputs/", found.asked.features)
            return fairness_of_log(found, self.foremost)
