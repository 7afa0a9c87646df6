"""What a log is asked about its decisions: reconstruct them, run them again, and say what cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from audit_lab.errors import MisuseError
from audit_lab.face.decision import Decision
from audit_lab.face.progress import shown_while, watched
from audit_lab.face.tables import LogTables
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.search.query import Question, find, instant

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    import polars as pl

    from audit_lab.face.access import Answer
    from audit_lab.face.decisions import Decisions
    from audit_lab.replay.batch_replay import BatchReplay
    from audit_lab.replay.coverage import Coverage
    from audit_lab.replay.coverage_counts import IdQuestion
    from audit_lab.replay.environment.exploration import Exploration
    from audit_lab.replay.impact import Impact
    from audit_lab.replay.impact.kinds import Change
    from audit_lab.replay.lineage import LineageGraph
    from audit_lab.replay.registry import InForce
    from audit_lab.replay.runner import Runner
    from audit_lab.sandbox import Limits

__all__ = ["Replays", "When"]

When = str | date | datetime | None


class Replays(LogTables):
    """The questions about decisions that an opened log answers."""

    def decision(self, prediction_id: str) -> Decision:
        """Reconstruct one prediction, named by its id or its place (``id@segment:row``).

        Raises
        ------
        NotFoundError
            No prediction has that id.
        AmbiguousIdError
            The id stands in several places; the error names each.
        """
        from audit_lab.replay.reconstruction import reconstruct

        if not isinstance(prediction_id, str):
            raise MisuseError(f"a prediction id is text, not {type(prediction_id).__name__}", "Give it as text.")
        with self._access.asking("decision", prediction_id) as answer:
            parts = reconstruct(self._store, prediction_id)
            decision = Decision(self._store, parts, self._access)
            decision.tell(answer)
            return decision

    def decisions(
        self,
        ids_or_expression: str | pl.Expr | Sequence[str] | pl.Series | None = None,
        *,
        since: When = None,
        until: When = None,
        model: str | None = None,
        subject: str | None = None,
        limit: int | None = None,
    ) -> Decisions:
        """Reconstruct many predictions at once.

        Parameters
        ----------
        ids_or_expression
            Text is an expression, as in `find`; a list, tuple or series holds ids or places (so one id is ``["..."]``).
            Without it, everything that the others leave.
        since, until, model, subject, limit
            As in `find`; `subject` is the pseudonym that stands in the log. Not beside ids.

        Raises
        ------
        MisuseError
            The expression or a time cannot be read, or ids were given beside what narrows a search.
        """
        from audit_lab.face.asked_for import AskedFor
        from audit_lab.face.decisions import decisions_asked

        asked = AskedFor(ids_or_expression, instant(since, "since"), instant(until, "until"), model, subject, limit)
        narrowed = {"since": since, "until": until, "model": model, "subject": subject, "limit": limit}
        return decisions_asked(self._store, asked, self._access, narrowed)

    def subject(self, pseudonym: str) -> Decisions:
        """Reconstruct every prediction about one subject, in order of time, by the pseudonym that stands in the log."""
        return self.decisions(subject=pseudonym)

    def replay(
        self,
        expression: str | pl.Expr | None = None,
        *,
        since: When = None,
        until: When = None,
        model: str | None = None,
        environment: Literal["present", "recorded"] = "present",
        trust: Collection[str] = (),
        trusted_types: Collection[str] = (),
        keep: Path | str | None = None,
        causes: bool = True,
        limits: Limits | None = None,
        progress: Callable[[str, int], None] | None = None,
    ) -> BatchReplay:
        """Replay every prediction that matches (all of them when nothing is given) and compare with the record.

        Parameters
        ----------
        expression, since, until, model
            As in `find`.
        environment
            ``recorded``: in the environment that the registry records for each version, built once.
        trust
            Artifacts that may run although opening them runs code: ``sha256:<digest>`` each.
        trusted_types
            Types in skops files that may be built, by name.
        keep
            A folder to keep results in as they come. Asked again with the same folder, a replay that was stopped goes
            on where it was.
        causes
            Whether to look for what reproduces what diverged.
        limits
            What the child that runs a version may use for each chunk of rows.
        progress
            Called after each chunk of a version with its name and the number of predictions.

        Raises
        ------
        MisuseError
            The expression cannot be read, or `keep` holds something else.
        """
        from audit_lab.replay.window import replay_all

        with (
            self._access.asking(
                "replay",
                expression,
                since=since,
                until=until,
                model=model,
                environment=None if environment == "present" else environment,
                trust=[*trust, *trusted_types] or None,
            ) as answer,
            shown_while("replay", progress),
        ):
            question = Question(expression, instant(since, "since"), instant(until, "until"), model)
            runner = self._runner(environment, trust, trusted_types, limits)
            replayed = replay_all(self._store, question, runner, keep=keep, causes=causes, progress=progress)
            replayed = replace(replayed, decisions_of=self.decisions)
            answer.rows = replayed.predictions
            answer.touches("predictions", self._columns("predictions"))
            self._touches_inputs(answer, replayed.groups["model_name"].drop_nulls().unique().to_list())
            return replayed

    def impact(
        self,
        correction: Change | Sequence[Change],
        expression: str | pl.Expr | None = None,
        *,
        since: When = None,
        until: When = None,
        model: str | None = None,
        version: str | None = None,
        groups: Sequence[str] = ("model_version",),
        subjects: bool = True,
        environment: Literal["present", "recorded"] = "present",
        trust: Collection[str] = (),
        trusted_types: Collection[str] = (),
        keep: Path | str | None = None,
        limits: Limits | None = None,
        progress: Callable[[str, int], None] | None = None,
    ) -> Impact:
        """Decide predictions again under a correction, and list those that would have been decided otherwise.

        Parameters
        ----------
        correction
            What `audit_lab.Correction` makes; several are made in order.
        expression, since, until, model
            As in `find`.
        version
            Only predictions that state this model version.
        groups
            Columns of the predictions, or features, by whose recorded values the decisions are counted.
        subjects
            Whether the subjects' pseudonyms are read.
        environment, trust, trusted_types, keep, limits, progress
            As in `replay`.

        Raises
        ------
        MisuseError
            The expression cannot be read, a correction or group does not fit the log, or `keep` holds something else.
        """
        from audit_lab.replay.impact import measure_impact

        parts = {"since": since, "until": until, "model": model, "version": version, "environment": environment}
        changes = (correction,) if not isinstance(correction, Sequence) else tuple(correction)
        told = "; then ".join(str(change) for change in changes)
        asking = self._access.asking("impact", expression, correction=told, groups=tuple(groups), **parts)
        with asking as answer, shown_while("impact", progress):
            question = Question(expression, instant(since, "since"), instant(until, "until"), model)
            runner = self._runner(environment, trust, trusted_types, limits)
            found = measure_impact(
                self._store,
                changes,
                question,
                runner,
                version=version,
                groups=groups,
                subjects=subjects,
                keep=keep,
                progress=progress,
            )
            answer.rows = found.counts.predictions
            answer.touches("predictions", self._columns("predictions"))
            answer.touches("overrides", self._columns("overrides"))
            self._touches_inputs(answer, [model] if model else self._store.models())
            return replace(found, decisions_of=self.decisions)

    def lineage_graph(self, model: str, version: str) -> LineageGraph:
        """Return the way of a model version back to its approvals, runs, commits and data, and what is amiss with it.

        Raises
        ------
        NotFoundError
            Neither the registry nor the lineage knows the version.
        """
        from audit_lab.replay.lineage import graph_of_version

        with self._access.asking("lineage", f"{model} {version}"):
            return graph_of_version(self._store, model, version)

    def coverage(self, every: str = "1w", *, progress: Callable[[str, int], None] | None = None) -> Coverage:
        """State which predictions can be reconstructed and replayed, why the others cannot, and which were lost.

        Parameters
        ----------
        every
            The length of a window: ``1d``, ``1w`` (from Monday) or ``1mo``; in UTC.
        progress
            Called with the name of each table that is read next and how many rows it has; what it raises ends the
            question. When omitted, whoever waits for longer than a second in a terminal or a notebook is shown it.

        Raises
        ------
        MisuseError
            There is no such length.
        """
        from audit_lab.replay.coverage import coverage

        asking = self._access.asking("coverage", every=None if every == "1w" else every)
        with asking as answer, shown_while("coverage", progress) as tell:
            answer.touches("predictions", self._columns("predictions"))
            stated = coverage(watched(self._store, tell), every)
            answer.rows = stated.predictions
        find_ids = stated.ask

        def ask(question: IdQuestion) -> pl.Series:
            with self._access.asking("coverage ids", **question.words()) as answer:
                ids = find_ids(question)
                answer.rows = ids.len()
                return ids

        return replace(stated, ask=ask, decisions_of=self.decisions)

    def version_in_force(
        self,
        model: str,
        at: str | date | datetime,
        environment: str | None = None,
        *,
        recorded: str | None = None,
        as_known_on: When = None,
    ) -> InForce:
        """Return which versions of a model deployments say were in force at a moment, and what is amiss with them.

        Parameters
        ----------
        model
            The model's name.
        at
            The moment; a date is its midnight, and what states no zone is UTC.
        environment
            Where, for example ``production``; anywhere when None.
        recorded
            The version that a prediction of that moment states: it is compared, and used where there are several.
        as_known_on
            Only what the log had learned by the end of this day, or by this moment; what it says by now is compared.

        Raises
        ------
        MisuseError
            A time cannot be read.
        NotFoundError
            Neither deployments nor registry know the model.
        """
        from audit_lab.replay.registry import asked_in_force

        with self._access.asking(
            "version in force", model, at=at, environment=environment, recorded=recorded, as_known_on=as_known_on
        ) as answer:
            found = asked_in_force(self._store, model, at, environment, recorded=recorded, as_known_on=as_known_on)
            answer.rows = len(found.candidates)
            return found

    def explore(
        self,
        version: str,
        other: str | None = None,
        *,
        model: str | None = None,
        expression: str | pl.Expr | None = None,
        since: When = None,
        until: When = None,
        rows: int = 1000,
        trust: Collection[str] = (),
        trusted_types: Collection[str] = (),
        limits: Limits | None = None,
    ) -> Exploration:
        """Run recorded inputs twice and show where the outputs part, row by row.

        Parameters
        ----------
        version
            The version whose decisions the inputs are taken from.
        other
            Another version to run beside it; None: the same version in its recorded environment and in the present one.
        model
            May be left out where the log has one model.
        expression, since, until
            As in `find`.
        rows
            At most so many decisions, the first in the order of the log.
        trust, trusted_types, limits
            As in `replay`.

        Raises
        ------
        MisuseError
            The expression or a time cannot be read, or the log has several models and none is named.
        NotFoundError
            No decision of that version with inputs matches.
        ModelError
            A version cannot be run on the inputs, or its recorded environment cannot be built; `code` says which.
        """
        from audit_lab.face.description import model_with_inputs
        from audit_lab.replay.difference import explore_window

        chosen = model_with_inputs(self._store, model)
        asked = f"{chosen} {version} {other or 'recorded environment'}"
        with self._access.asking("explore", asked, expression=expression, since=since, until=until) as answer:
            question = Question(expression, instant(since, "since"), instant(until, "until"), chosen)
            runner = self._runner("present", trust, trusted_types, limits)
            found = explore_window(self._store, question, runner, version=version, other=other, rows=rows)
            answer.rows = found.table.height
            self._touches_inputs(answer, [chosen])
            return replace(found, decisions_of=self.decisions)

    def _runner(
        self,
        environment: Literal["present", "recorded"],
        trust: Collection[str],
        trusted_types: Collection[str],
        limits: Limits | None,
    ) -> Runner:
        from audit_lab.replay.runner import Runner
        from audit_lab.replay.surroundings import environment_choice

        chosen = environment_choice(self._store, environment)
        return Runner(self._store, limits=limits, trust=trust, trusted_types=trusted_types, environments=chosen)

    def _found(
        self, expression: str | pl.Expr | None, since: When, until: When, model: str | None, limit: int | None = None
    ) -> pl.DataFrame:
        question = Question(expression, instant(since, "since"), instant(until, "until"), model)
        return find(self._store, question, limit)

    def _columns(self, table: str) -> list[str]:
        return self._store.table(table).collect_schema().names()

    def _touches_inputs(self, answer: Answer, models: Sequence[str]) -> None:
        for model in set(models) & set(self._store.models()):
            answer.touches(INPUTS_PREFIX + model, self._columns(INPUTS_PREFIX + model))
