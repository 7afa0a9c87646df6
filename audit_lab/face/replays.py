"""What a log is asked about its decisions: reconstruct them, run them again, and say what cannot be."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.face.decision import Decision
from audit_lab.face.tables import LogTables
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.search.query import Question, find, instant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from audit_lab.face.access import Answer
    from audit_lab.replay.batch import BatchReplay
    from audit_lab.replay.coverage import Coverage
    from audit_lab.replay.lineage import LineageGraph
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
        from audit_lab.replay.reconstruct import reconstruct

        if not isinstance(prediction_id, str):
            raise MisuseError(f"a prediction id is text, not {type(prediction_id).__name__}", "Give it as text.")
        with self._access.asking("decision", prediction_id) as answer:
            parts = reconstruct(self._store, prediction_id)
            decision = Decision(self._store, parts, self._access)
            decision.tell(answer)
            return decision

    def replay(
        self,
        expression: str | pl.Expr | None = None,
        *,
        since: When = None,
        until: When = None,
        model: str | None = None,
        limits: Limits | None = None,
        progress: Callable[[str, int], None] | None = None,
    ) -> BatchReplay:
        """Replay every prediction that matches (all of them when nothing is given) and compare with the record."""
        from audit_lab.replay.batch import replay_rows

        with self._access.asking("replay", expression, since=since, until=until, model=model) as answer:
            rows = self._found(expression, since, until, model)
            answer.shows(rows)
            self._touches_inputs(answer, rows["model_name"].drop_nulls().unique().to_list())
            return replay_rows(self._store, rows, limits=limits, progress=progress)

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

    def coverage(self) -> Coverage:
        """State which predictions can be replayed, why the others cannot, and which were lost."""
        from audit_lab.replay.coverage import coverage

        with self._access.asking("coverage") as answer:
            answer.touches("predictions", self._columns("predictions"))
            stated = coverage(self._store)
            answer.rows = stated.predictions
            return stated

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
