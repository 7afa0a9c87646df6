"""What a log is asked about dates and places: since when what is otherwise, how it ran, which segments moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.face.progress import shown_while, watched
from audit_lab.face.replays import Replays, When

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_lab.face.foremost import Foremost
    from audit_lab.face.onsets_of_log import OnsetsOfLog
    from audit_lab.monitor.operations import Operations
    from audit_lab.monitor.segments import Segments

__all__ = ["Dated"]


class Dated(Replays):
    """The questions about onsets, operations, segments and what matters most in a period that a log answers."""

    def foremost(
        self,
        column: str | None = None,
        *,
        since: When,
        until: When,
        model: str | None = None,
        version: str | None = None,
        usual: float | None = None,
        categories: Sequence[str | None] | None = None,
        mistaken: bool = False,
        positive: str | None = None,
        limit: int = 25,
    ) -> Foremost:
        """Choose the decisions of a period that matter most to what is asked of it, and say which and why.

        Parameters
        ----------
        column
            What the question is about. Of a numeric feature the decisions are chosen whose value lies furthest from
            the usual one; of a column of text those with one of `categories`; of these, of anything else, or without
            it, those whose score lies nearest to their threshold.
        since, until
            The period, ``since <= occurred_at < until``.
        model, version
            May be left out; a version of "" is one that is not stated.
        usual
            The usual value of the feature, like the reference's median; the median of the period when None.
        categories
            Only decisions with one of these values of the column (text, ``decision`` or ``label``) are chosen; None
            among them stands for missing. All of the period when omitted.
        mistaken
            Choose the decisions that turned out wrong, by the outcomes known now: those first whose score lies furthest
            beyond the threshold, or, of other models, furthest from what came true.
        positive
            As in `performance`, with `mistaken`.
        limit
            At most so many.

        Raises
        ------
        MisuseError
            There is no such feature, categories are asked of a number, a column is given with `mistaken`, or the period
            lacks its beginning or its end.
        """
        from audit_lab.face.foremost import foremost_of, mistaken_of
        from audit_lab.log.search.query import instant

        begin, end = instant(since, "since"), instant(until, "until")
        if begin is None or end is None:
            raise MisuseError("the period needs a beginning and an end", "Give both, as since=... and until=....")
        asked: dict[str, Any] = {"model": model, "version": version, "limit": limit}
        if mistaken and (column is not None or categories is not None):
            raise MisuseError("what turned out wrong is asked of no column", "Leave out the column, or mistaken.")
        if mistaken:
            asked["positive"] = positive
        else:
            asked |= {"usual": usual, "categories": categories}
        told = {"mistaken": mistaken or None, **asked}
        with self._access.asking("foremost", column, since=since, until=until, **told) as answer:
            asked |= {"since": begin, "until": end, "ask": self.decisions}
            found = mistaken_of(self._store, **asked) if mistaken else foremost_of(self._store, column, **asked)
            answer.touches("predictions", ("outputs", "threshold"))
            if mistaken:
                answer.touches("outcomes", ("label", "value"))
            answer.rows = found.ids.len()
            return found

    def onset(
        self,
        columns: Sequence[str] | None = None,
        *,
        every: str = "1d",
        zone: str = "UTC",
        since: When = None,
        until: When = None,
        reference: tuple[When, When] | None = None,
        model: str | None = None,
        seed: int = 0,
        progress: Callable[[str, int], None] | None = None,
    ) -> OnsetsOfLog:
        """Say since when what is otherwise: the dates on which columns, scores, decisions and their number changed.

        Parameters
        ----------
        columns
            Which to look at; all inputs, ``score``, ``decision``, ``error`` and, where there are outcomes, ``outcome``
            and ``outcome_value`` when omitted.
        every
            ``1d`` or ``1h``; 1,100 windows at most.
        zone
            IANA zone whose days or hours are meant.
        since, until
            Only predictions of ``since <= occurred_at < until``.
        reference
            Half-open range [from, to) that gives the bins of distances and the pattern of weekday and hour; by default
            the bins come from the first eight weeks (or half), and the pattern from the whole period.
        model
            May be left out where the log has one.
        seed
            Of the resamples that set the false alarm rate.
        progress
            Called with the name of each table that is read next and how many rows it has; what it raises ends the
            question. When omitted, whoever waits for longer than a second in a terminal or a notebook is shown it.

        Raises
        ------
        MisuseError
            A column, time, window or zone does not fit the log, or there are too many windows.
        LogError
            There is no prediction in the period, or a table cannot be read.
        """
        from audit_lab.face.onset_search import onset_of
        from audit_lab.face.onsets_of_log import onsets_of_log

        asked: dict[str, Any] = {"every": every, "zone": zone, "since": since, "until": until, "reference": reference}
        asked |= {"model": model, "seed": seed}
        asking = self._access.asking("onset", columns=columns, **asked)
        with asking as answer, shown_while("onset", progress) as tell:
            found, touched, features = onset_of(watched(self._store, tell), columns, **asked)
            answer.columns |= touched
            answer.rows = found.rows
            given = {"columns": None if columns is None else list(columns), **asked}
            return onsets_of_log(found, given, features, self.foremost)

    def operations(
        self,
        *,
        every: str = "1d",
        by: str = "version",
        zone: str = "UTC",
        since: When = None,
        until: When = None,
        model: str | None = None,
    ) -> Operations:
        """Measure latency and errors by window and version (or node, environment, endpoint), and find what failed.

        Parameters
        ----------
        every
            ``1h``, ``1d``, ``1w`` (from Monday) or ``1mo``.
        by
            ``version``, ``node``, ``environment`` or ``endpoint``.
        zone
            IANA zone whose windows are meant.
        since, until, model
            As in `onset`.

        Raises
        ------
        MisuseError
            A time, window, zone or split does not fit.
        LogError
            There is no prediction in the period, or a table cannot be read.
        """
        from audit_lab.face.operations_search import operations_of

        asked: dict[str, Any] = {"every": every, "by": by, "zone": zone, "since": since, "until": until, "model": model}
        with self._access.asking("operations", **asked) as answer:
            found, touched = operations_of(self._store, **asked)
            answer.columns |= touched
            answer.rows = found.rows
            return found

    def segments(
        self,
        columns: Sequence[str] | None = None,
        *,
        measure: str = "score",
        since: When = None,
        until: When = None,
        reference: tuple[When, When] | None = None,
        model: str | None = None,
        pairs: bool = True,
        minimum: int = 50,
        seed: int = 0,
    ) -> Segments:
        """Find the segments of one feature or two in which a shift of the score, or the errors, concentrate.

        Parameters
        ----------
        columns
            The features that make segments; all inputs when omitted.
        measure
            ``score``: what the score's mean of the window differs by from that of the reference; or ``error``: how
            often the decision was not what came true.
        since, until
            The window; needed for the score.
        reference
            Half-open range [from, to) that the window's scores are compared with; one as long just before by default.
        model
            May be left out where the log has one.
        pairs
            Whether segments of two features are tried.
        minimum
            The least rows of a segment.
        seed
            Of the permutations.

        Raises
        ------
        MisuseError
            A column, time or measure does not fit the log, or the window of a shift is open.
        LogError
            There is no row to compare, or a table cannot be read.
        """
        from audit_lab.face.segment_search import segments_of

        asked: dict[str, Any] = {"measure": measure, "since": since, "until": until, "reference": reference}
        asked |= {"model": model, "pairs": pairs, "minimum": minimum, "seed": seed}
        with self._access.asking("segments", columns=columns, **asked) as answer:
            found, touched, answer.rows = segments_of(self._store, columns, **asked)
            answer.columns |= touched
            return found
