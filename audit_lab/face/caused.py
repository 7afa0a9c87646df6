"""What a log is asked about causes: what moved a mean score, or the rate of a decision, between two windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.face.dated import Dated
from audit_lab.face.progress import shown_while

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from audit_lab.face.replays import When
    from audit_lab.monitor.cause import Cause
    from audit_lab.monitor.episodes import Episode
    from audit_lab.monitor.onset.events import Onset
    from audit_lab.sandbox import Limits

__all__ = ["Caused"]


class Caused(Dated):
    """The question about causes of a shift that an opened log answers."""

    def cause(
        self,
        after: tuple[When, When] | None = None,
        before: tuple[When, When] | None = None,
        *,
        since: When | Onset | Episode = None,
        of: str = "score",
        favourable: str | None = None,
        columns: Sequence[str] | None = None,
        model: str | None = None,
        rows: int | None = None,
        output: str | None = None,
        confidence: float = 0.95,
        minimum: int = 50,
        seed: int = 0,
        anyway: bool = False,
        trust: Collection[str] = (),
        trusted_types: Collection[str] = (),
        limits: Limits | None = None,
        progress: Callable[[str, int], None] | None = None,
    ) -> Cause:
        """Say what moved the mean score, or the rate of a decision, from one window to another, by three methods.

        Parameters
        ----------
        after, before
            Half-open ranges [from, to); `before` is one as long, just before `after`, when omitted.
        since
            In the place of `after`: a moment, whose four weeks from then on are meant, or an onset or an episode, which
            may say when it was over.
        of, favourable
            ``score``, or ``decision`` with the decision whose rate is meant, like ``approve``.
        columns
            Only these inputs; all when omitted.
        model
            May be left out where the log has one.
        rows
            Run a model on at most so many decisions of each window, chosen by the SHA-256 of their ids: 2,000 when
            omitted, and for attribution 200 where each takes thousands of the model's scores.
        output
            What attributions are of, like ``log-odds``; what scores are in when omitted.
        confidence
            Of the intervals.
        minimum
            The least decisions of a window.
        seed
            Of all that is chosen or drawn.
        anyway
            Whether causes are looked for where nothing moved.
        trust, trusted_types, limits
            As in `replay`.
        progress
            Called with a word for the work (``features``, ``explanations``) and how much of it was done.

        Raises
        ------
        MisuseError
            The windows overlap, are empty or not given; or a time, column, decision or output does not fit the log.
        LogError
            A window has too few decisions, or a table cannot be read.
        """
        from audit_lab.face.cause_search import cause_asked, cause_of

        asked = cause_asked(
            self._store,
            before,
            after,
            since,
            model,
            of=of,
            favourable=favourable,
            columns=None if columns is None else tuple(columns),
            rows=rows,
            output=output,
            confidence=confidence,
            minimum=minimum,
            seed=seed,
            anyway=anyway,
        )
        words: dict[str, Any] = {
            "before": asked.before.words(),
            "after": asked.after.words(),
            **{name: value for name, value in asked.to_dict().items() if name not in {"before", "after"}},
        }
        asking = self._access.asking("cause", **words, trust=[*trust, *trusted_types] or None)
        with asking as answer, shown_while("cause", progress):
            runner = self._runner("present", trust, trusted_types, limits)
            found = cause_of(self._store, asked, runner, progress)
            answer.rows = found.shift.rows_before + found.shift.rows_after
            answer.touches("predictions", self._columns("predictions"))
            self._touches_inputs(answer, [asked.model])
            return found
