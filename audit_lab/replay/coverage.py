"""The completeness statement: which predictions can be reconstructed and replayed, why others cannot, what was lost.

**Reconstructable**: the prediction's row is there once, and neither its output nor its inputs were erased; it states a
model and a version that the registry has, without a contradiction; its inputs are there, once, with every column that
the registered signature names. All that is known of the decision can be put on the table.

**Replayable**: besides, nothing that can be known without running a model keeps it from being run and compared: the
artifact is there with the registered digest in a format that is read, the inputs have the registered types, the rules
can be read, the output and whatever threshold the decision depends on were recorded, and the prediction did not fail.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.engines.answers import collected
from audit_lab.log.files.reading import collect
from audit_lab.log.samplings import estimated, sampled
from audit_lab.log.taken_over import unread_of, unread_sentences
from audit_lab.replay.coded_predictions import CodedPredictions
from audit_lab.replay.coverage_counts import ID_FROM, LENGTHS, REPLAYABLE, IdQuestion, counted, ids_behind
from audit_lab.replay.numbering import sequence_gaps
from audit_lab.replay.verdict import EFFECTS
from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from audit_lab.log.samplings import Sampled
    from audit_lab.log.store import LogStore

__all__ = ["Coverage", "coverage"]

_VERSION = ("model_name", "model_version")
_WINDOW = ("window_start", "window_end")


@dataclass(frozen=True, eq=False)
class Coverage:
    """What share of a log can be reconstructed and replayed, and why the rest cannot.

    Parameters
    ----------
    every
        The length of a window: ``1d``, ``1w`` (from Monday) or ``1mo``; in UTC, half-open.
    table
        ``model_name``, ``model_version``, ``code`` (``replayable`` or a key of `EFFECTS`), ``predictions``,
        ``first_id``.
    weeks
        ``model_name``, ``model_version``, ``window_start``, ``window_end``, ``predictions``, ``reconstructable``,
        ``replayable``: counts for each window that has predictions; both times are null for predictions without one.
    reasons
        ``model_name``, ``model_version``, ``window_start``, ``window_end``, ``code``, ``predictions``,
        ``reconstructable``, ``first_id``: a row for each code in each window, replayable predictions left out.
    sequence_gaps
        ``writer_id``, ``after``, ``before``, ``lost``, ``last_seen``, ``next_seen``: breaks in a writer's numbering.
    not_checked
        What this statement cannot speak of.
    sampled
        What the log says of predictions that were served and not recorded; None where nobody sampled.
    represented
        By model and version, for how many served predictions those in the log stand: ``recorded_predictions``,
        ``predictions``, and the standard error of that, ``error``; None where nobody sampled.
    unread
        ``file``, ``sha256``, ``records``, ``first_byte``, ``stop_byte``: where in files that were taken over there is
        what nobody could read, so that how many records it holds cannot be told.
    ask
        Finds the ids behind a number; `ids` puts the question.
    decisions_of
        Reconstructs decisions that are named by ids or places, as ``log.decisions`` does; None where no log was asked.
    """

    every: str
    table: pl.DataFrame
    weeks: pl.DataFrame
    reasons: pl.DataFrame
    sequence_gaps: pl.DataFrame
    not_checked: tuple[str, ...]
    sampled: Sampled | None
    represented: pl.DataFrame | None
    unread: pl.DataFrame
    ask: Callable[[IdQuestion], pl.Series] = field(repr=False)
    decisions_of: Callable[..., Any] | None = field(default=None, repr=False)

    @property
    def predictions(self) -> int:
        """Predictions in the log."""
        return int(self.weeks["predictions"].sum())

    @property
    def reconstructable(self) -> int:
        """Predictions whose row, registered version and inputs are there."""
        return int(self.weeks["reconstructable"].sum())

    @property
    def replayable(self) -> int:
        """Predictions that nothing keeps from being replayed."""
        return int(self.weeks["replayable"].sum())

    @property
    def lost(self) -> int:
        """Predictions that were numbered by their writer and are not in the log."""
        return sum(self.sequence_gaps["lost"].to_list())

    @property
    def versions(self) -> pl.DataFrame:
        """The counts of `weeks` by model and version; ``reconstructable_share`` and ``replayable_share``, 0 to 1."""
        counts = ("predictions", "reconstructable", "replayable")
        summed = self.weeks.group_by(*_VERSION).agg(pl.col(*counts).sum()).sort(*_VERSION)
        return summed.with_columns((pl.col(name) / pl.col("predictions")).alias(f"{name}_share") for name in counts[1:])

    def ids(
        self,
        code: str | None = None,
        model: str | None = None,
        version: str | None = None,
        limit: int | None = None,
        *,
        window: datetime | None = None,
    ) -> pl.Series:
        """Return the ids of the predictions behind a number, one for each row, in order of time, then id.

        Parameters
        ----------
        code
            A code of `table`, ``not-replayable``, ``reconstructable`` or ``not-reconstructable``; all when None.
        model, version
            Only this model, and this version.
        limit
            At most so many, the first ones.
        window
            Only the window that starts at this moment: a ``window_start`` of `weeks` or `reasons`.

        Raises
        ------
        MisuseError
            There is no such code or no such window.
        LogError
            A table cannot be read.
        """
        until = None
        if window is not None:
            ends = self.weeks.filter(pl.col("window_start") == window)["window_end"]
            if ends.is_empty():
                starts = self.weeks["window_start"].drop_nulls().unique().sort()
                span = f"from {starts[0]} to {starts[-1]}" if starts.len() else "none"
                raise MisuseError(f"no window starts at {window}", f"Windows of {self.every} start {span}.")
            until = ends[0]
        return self.ask(IdQuestion(code, model, version, window, until, limit))

    @spelling_text
    def __repr__(self) -> str:
        """Return the summary, with what it is about."""
        return f"Coverage: {' '.join(self.summary())}"

    @spelling_text
    def summary(self) -> list[str]:
        """Return the statement in plain sentences."""
        not_checked = [f"Not checked: {what}" for what in self.not_checked]
        unread = unread_sentences(self.unread)
        if not self.predictions:
            return ["The log holds no prediction.", *unread, *self._unrecorded(), *not_checked]
        line = f"{self.replayable:,} of {self.predictions:,} predictions ({_share(self)}) can be replayed"
        if self.replayable < self.predictions:
            share = self.reconstructable / self.predictions
            line += f", {self.reconstructable:,} ({share:.3%}) reconstructed"
        lines = [
            f"{row['predictions']:,} of {row['model_name'] or 'no model'} "
            f"{row['model_version'] or 'without a version'} cannot: "
            f"{EFFECTS[row['code']]} First: {row['first_id']}."
            for row in self.table.filter(pl.col("code") != REPLAYABLE).iter_rows(named=True)
        ]
        gaps = [
            f"{row['lost']:,} predictions of {row['writer_id']} are lost: its numbering goes from {row['after']:,} "
            f"({_minute(row['last_seen'])}) to {row['before']:,} ({_minute(row['next_seen'])})."
            for row in self.sequence_gaps.iter_rows(named=True)
        ]
        return [f"{line}.", *lines, *self._worst(), *gaps, *unread, *self._unrecorded(), *not_checked]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-safe values; times as ISO 8601."""
        return {
            "every": self.every,
            "predictions": self.predictions,
            "reconstructable": self.reconstructable,
            "replayable": self.replayable,
            "lost": self.lost,
            "table": self.table.to_dicts(),
            "weeks": _plain(self.weeks, _WINDOW),
            "reasons": _plain(self.reasons, _WINDOW),
            "sequence_gaps": _plain(self.sequence_gaps, ("last_seen", "next_seen")),
            "not_checked": list(self.not_checked),
            "sampled": None if self.sampled is None else self.sampled.to_dict(),
            "represented": None if self.represented is None else self.represented.to_dicts(),
            "unread": self.unread.to_dicts(),
        }

    def _unrecorded(self) -> list[str]:
        """Say what was not recorded, and for how many predictions those that were stand."""
        if self.sampled is None or self.represented is None:
            return []
        return [
            *self.sampled.summary(),
            *(
                f"Weighted by their rates, the {row['recorded_predictions']:,} of {row['model_name'] or 'no model'} "
                f"{row['model_version'] or 'without a version'} stand for {row['predictions']:,.0f} (standard error "
                f"{row['error']:,.0f})."
                for row in self.represented.iter_rows(named=True)
                if row["predictions"] != row["recorded_predictions"]
            ),
        ]

    def _worst(self) -> list[str]:
        """Name the window with the smallest share, where windows differ."""
        counts = ("predictions", "replayable")
        windows = self.weeks.drop_nulls("window_start").group_by("window_start").agg(pl.col(*counts).sum())
        shares = windows.with_columns(share=pl.col("replayable") / pl.col("predictions"))
        if shares["share"].n_unique() <= 1:
            return []
        worst = shares.sort(["share", "predictions", "window_start"], descending=[False, True, False]).row(
            0, named=True
        )
        name = LENGTHS[self.every].format(worst["window_start"])
        counted_there = f"{worst['replayable']:,} of {worst['predictions']:,} ({worst['share']:.3%})"
        return [f"The worst is {name}: {counted_there} can be replayed."]


def coverage(store: LogStore, every: str = "1w") -> Coverage:
    """State which predictions of a log can be reconstructed and replayed, without running any model.

    Counted by the log's engine in one pass: only the counts come back, so memory does not grow with the log.

    Parameters
    ----------
    store
        The log.
    every
        The length of a window, ``1d``, ``1w`` or ``1mo``.

    Raises
    ------
    MisuseError
        There is no such length.
    LogError
        A table cannot be read.
    """
    if every not in LENGTHS:
        raise MisuseError(f"{every!r} is not a length of window", f"Use one of {', '.join(LENGTHS)}.")
    what = f"the predictions of {store.location}"
    coded = CodedPredictions(store)
    counts = _by_window(counted(coded.frames(), what), every)
    # The first day's first id; predictions without a time come first, and days of which no id is asked have none.
    days = pl.col("first").sort_by("day", nulls_last=False)
    first = days.drop_nulls().first().str.slice(ID_FROM).alias("first_id")
    rows = pl.col("predictions").sum()
    coded_names = counts.with_columns(pl.col("code").fill_null(REPLAYABLE))
    table = coded_names.group_by(*_VERSION, "code").agg(rows, first).sort(*_VERSION, "code")
    weeks = counts.group_by(*_VERSION, *_WINDOW).agg(
        rows,
        pl.col("predictions").filter(pl.col("reconstructable")).sum().alias("reconstructable"),
        pl.col("predictions").filter(pl.col("code").is_null()).sum().alias("replayable"),
    )
    reasons = (
        counts.drop_nulls("code")
        .group_by(*_VERSION, *_WINDOW, "code")
        .agg(rows, pl.col("predictions").filter(pl.col("reconstructable")).sum().alias("reconstructable"), first)
    )
    return Coverage(
        every=every,
        table=table,
        weeks=weeks.sort(*_VERSION, "window_start"),
        reasons=reasons.sort(*_VERSION, "window_start", "code"),
        sequence_gaps=sequence_gaps(store),
        not_checked=_not_checked(store),
        sampled=sampled(store),
        represented=_represented(store),
        unread=unread_of(store),
        ask=lambda question: ids_behind(coded.frames(), question, what),
    )


def _by_window(days: pl.DataFrame, every: str) -> pl.DataFrame:
    start = pl.col("day").dt.truncate(every)
    return days.with_columns(start.alias("window_start"), start.dt.offset_by(every).alias("window_end"))


def _not_checked(store: LogStore) -> tuple[str, ...]:
    beyond = "decisions that were never logged after a writer's last number, or by a writer that is not in this log."
    unrun = (
        "what only a run shows. Artifacts were read and their digests compared, but no model was run: a library that "
        "is missing, an artifact that does not load, an error or another answer is found by a replay."
    )
    numbered = store.frame("predictions").select(nw.col("sequence").count())
    if collected(numbered, f"the predictions of {store.location}").item():
        return (unrun, beyond)
    return (unrun, "lost predictions: no writer numbered them, so a gap cannot be seen.", beyond)


def _represented(store: LogStore) -> pl.DataFrame | None:
    if sampled(store) is None:
        return None
    frame = estimated(store.table("predictions"), list(_VERSION))
    error = pl.col("predictions_variance").clip(0).sqrt().alias("error")
    chosen = frame.select(*_VERSION, "recorded_predictions", "predictions", error).sort(*_VERSION)
    return collect(chosen, f"the predictions of {store.location}")


def _share(stated: Coverage) -> str:
    return f"{stated.replayable / stated.predictions:.3%}"


def _minute(moment: datetime | None) -> str:
    return "at no stated time" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _plain(frame: pl.DataFrame, times: tuple[str, ...]) -> list[dict[str, Any]]:
    return frame.with_columns(pl.col(*times).dt.to_string("iso:strict")).to_dicts()
