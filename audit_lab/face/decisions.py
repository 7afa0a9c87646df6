"""`Decisions`: many predictions, reconstructed at once."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import AmbiguousIdError, NotFoundError
from audit_lab.face.decision import Decision
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.replay.reconstruction.gathering import prediction_columns
from audit_lab.replay.reconstruction.inputs_ahead import InputsAhead
from audit_lab.replay.reconstruction.many import Reconstructions
from audit_lab.replay.reconstruction.timeline import timeline_of
from audit_lab.seal.hidden_letters import spelling, spelling_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from audit_lab.face.access import Access, Answer
    from audit_lab.face.asked_for import AskedFor
    from audit_lab.log.store import LogStore

__all__ = ["Decisions", "decisions_asked"]

_SHOWN_ROWS = 10
_SHOWN = ("prediction_id", "occurred_at", "model_version", "score", "decision", "final_decision", "gaps", "findings")


class Decisions:
    """Many predictions with everything the log knows about them, in frames; each is a `Decision` when asked for.

    It has as many as were asked for, and `frame` a row for each; going through it yields those that were found, and
    `missing` and `ambiguous` name the others. `decisions[3]` is one by its row of `frame`, `decisions["id"]` by its id
    or place.

    Parameters
    ----------
    store
        The log.
    asked
        Which decisions.
    access
        How the log is asked.

    Attributes
    ----------
    asked
        The same as given.
    """

    def __init__(self, store: LogStore, asked: AskedFor, access: Access | None = None) -> None:
        self._store = store
        self._access = access
        self.asked = asked
        self._subject = asked.subject
        ahead = InputsAhead(store, asked.ids)
        self._made = Reconstructions(store, asked.found(store), ahead)

    @property
    def frame(self) -> pl.DataFrame:
        """A row for each that was asked for, in that order (by time, where it was a search).

        ``asked``, ``prediction_id``, ``place``, ``places`` (in how many its id stands), ``found``; ``occurred_at``,
        ``model_name``, ``model_version``, ``in_force`` (list), ``agrees``; ``score``, ``label``, ``probabilities``,
        ``decision``, ``decision_rule``, ``threshold``; ``has_inputs``; ``outcome_label``, ``outcome_value``,
        ``outcome_observed_at``, ``outcomes`` (how many); ``overrides`` (how many), ``final_decision``; ``explained``
        (whether there is an explanation of record); ``gaps`` and ``findings`` (lists of codes). What was not found has
        nulls.
        """
        return self._made.frame

    @property
    def inputs(self) -> pl.DataFrame:
        """A row for each whose inputs are certain: ``place``, ``prediction_id``, ``model_name`` and the features.

        Raises
        ------
        MisuseError
            Two models have a feature of one name whose types do not go together; see `inputs_of`.
        """
        return self._made.inputs

    def inputs_of(self, model: str) -> pl.DataFrame:
        """Return the inputs of one model's decisions, as `inputs` has them."""
        return self._made.inputs_of(model)

    @property
    def overrides(self) -> pl.DataFrame:
        """What persons changed, in order of recording: columns of the table, ``place`` and ``corrected_by``."""
        return self._made.overrides

    @property
    def outcomes(self) -> pl.DataFrame:
        """Every outcome on record, in order of recording: columns of the table, ``place`` and ``corrected_by``."""
        return self._made.outcomes

    @property
    def explanations(self) -> pl.DataFrame:
        """The explanations of record: columns of the table, ``place`` and ``corrected_by``."""
        return self._made.explanations

    @property
    def gaps(self) -> pl.DataFrame:
        """A row for each gap: ``row`` (of `frame`), ``prediction_id``, ``code``, ``what``, ``effect``."""
        return self._made.gaps

    @property
    def findings(self) -> pl.DataFrame:
        """A row for each finding: ``row`` (of `frame`), ``prediction_id``, ``code``, ``what``."""
        return self._made.findings

    @property
    def missing(self) -> tuple[str, ...]:
        """What was asked for and stands nowhere in the log."""
        return self._made.missing

    @property
    def ambiguous(self) -> pl.DataFrame:
        """The ids that stand in several places: ``asked`` and ``place``, a row for each place that can be asked for.

        A name that is also the place of another prediction is one of them.
        """
        return self._made.ambiguous

    @property
    def timeline(self) -> pl.DataFrame:
        """Decisions, overrides and outcomes in order of time.

        ``at``, ``what``, ``prediction_id``, ``model_name``, ``model_version``, ``told``.
        """
        return timeline_of(self.frame, self.overrides, self.outcomes)

    def __len__(self) -> int:
        """Return how many were asked for."""
        return len(self._made)

    def __getitem__(self, which: int | str) -> Decision:
        """Return one, by the number of its row in `frame`, or by its id or place.

        Raises
        ------
        NotFoundError, AmbiguousIdError
            It stands nowhere in the log, or in several places; or it is none of these.
        IndexError
            There is no row of that number.
        """
        if isinstance(which, str):
            which = self._number_of(which)
        return Decision(self._store, self._made.at(which), self._access)

    def _number_of(self, name: str) -> int:
        """Return the row of what was asked for by this name, or else of the only decision that has it."""
        numbered = self.frame.with_row_index("row")
        named = numbered.filter((pl.col("place") == name) | (pl.col("prediction_id") == name))
        asked = numbered.filter(pl.col("asked") == name)
        if not asked.height and not named.height:
            raise NotFoundError(f"{name[:200]!r} is none of these {len(self)} decisions", "Ask the log for it.")
        if not asked.height and named["place"].n_unique() > 1:
            places = named["place"].drop_nulls().unique(maintain_order=True).to_list()
            raise AmbiguousIdError(
                f"{name[:200]!r} names {len(places)} of these decisions: {', '.join(places[:10])}",
                "Ask for one by the number of its row in frame.",
                places,
            )
        return int((asked if asked.height else named)["row"][0])

    def __iter__(self) -> Iterator[Decision]:
        """Yield those that were found, in order."""
        return (Decision(self._store, parts, self._access) for parts in self._made.all())

    def tell(self, answer: Answer) -> None:
        """Say in a journal's answer how many rows and which personal columns these decisions are made of."""
        answer.rows = int(self.frame["found"].sum())
        answer.touches("predictions", ["prediction_id", *prediction_columns(self._store)] if answer.rows else [])
        for model in self._made.models:
            inputs = self.inputs_of(model)
            answer.touches(INPUTS_PREFIX + model, inputs.columns[3:] if inputs.height else [])
        for table, rows in (
            ("overrides", self.overrides),
            ("outcomes", self.outcomes),
            ("explanations", self.explanations),
        ):
            answer.touches(table, [name for name in rows.columns if rows[name].null_count() < rows.height])

    @spelling_text
    def summary(self) -> list[str]:
        """Return in sentences what they are, what became of them, and what is missing."""
        found = self.frame.filter("found").unique("place", keep="first", maintain_order=True)
        lines = [self._beginning(found)]
        if found.is_empty():
            return [*lines, *self._not_found()]
        first, last = found["occurred_at"].min(), found["occurred_at"].max()
        if first is not None:
            lines.append(f"They were made from {_moment(first)} to {_moment(last)}.")
        lines.append(f"Versions: {_counted(found, pl.format('{} {}', _or('model_name'), _or('model_version')))}.")
        lines.append(f"Decisions: {_counted(found, _or('decision', 'none or erased'))}.")
        changed = found.filter(pl.col("final_decision").ne_missing(pl.col("decision")))
        if changed.height:
            after = pl.format("{} to {}", _or("decision"), _or("final_decision", "something erased"))
            lines.append(f"Changed afterwards: {_counted(changed, after)}.")
        known = found.filter(pl.col("outcomes") > 0)
        if known.height:
            label = pl.coalesce("outcome_label", pl.col("outcome_value").cast(pl.String), pl.lit("not stated"))
            lines.append(f"Outcomes known of {known.height:,}: {_counted(known, label)}.")
        lines += [
            f"{rows:,} {'has' if rows == 1 else 'have'} {kind} {code}."
            for kind, told in (("the gap", self.gaps), ("the finding", self.findings))
            for code, rows in _by_code(told)
        ]
        return [*lines, *self._not_found()]

    def _beginning(self, found: pl.DataFrame) -> str:
        if self._subject is None:
            return f"{found.height:,} of {len(self):,} decisions asked for were found."
        if found.is_empty():
            return (
                f"No decision about {self._subject[:80]!r} was found. Where a subject was erased, the log no longer "
                "says which decisions were about them."
            )
        counted = "1 decision was" if found.height == 1 else f"{found.height:,} decisions were"
        return f"{counted} found about {self._subject[:80]!r}."

    def _not_found(self) -> list[str]:
        missing, several = len(self.missing), self.ambiguous["asked"].n_unique()
        told = []
        if missing:
            told.append(f"{missing:,} {'stands' if missing == 1 else 'stand'} nowhere in the log: see missing.")
        if several:
            told.append(f"{several:,} {'id stands' if several == 1 else 'ids stand'} in several places: see ambiguous.")
        return told

    def to_dict(self) -> dict[str, Any]:
        """Return summary, one row for each decision, gaps and findings as JSON-safe values."""
        return {
            "asked": len(self),
            "summary": self.summary(),
            "decisions": _plain(self.frame),
            "gaps": _plain(self.gaps),
            "findings": _plain(self.findings),
            "missing": list(self.missing),
            "ambiguous": _plain(self.ambiguous),
            "timeline": _plain(self.timeline),
        }

    @spelling_text
    def __repr__(self) -> str:
        """Return the summary, with what it is about."""
        return f"Decisions: {' '.join(self.summary())}"

    @spelling
    def _repr_html_(self) -> str:
        """Return the summary and the first rows as HTML; every text from the log is escaped."""
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in self.summary())
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in _SHOWN)
        rows = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{html.escape(_cell(value))}</td>" for value in row) + "</tr>"
            for row in self.frame.head(_SHOWN_ROWS).select(_SHOWN).iter_rows()
        )
        more = f"<p>{len(self) - _SHOWN_ROWS:,} more are in frame.</p>" if len(self) > _SHOWN_ROWS else ""
        return f"<ul>{lines}</ul><table><tr>{head}</tr>{rows}</table>{more}"


def decisions_asked(
    store: LogStore, asked: AskedFor, access: Access, narrowed: Mapping[str, object] | None = None
) -> Decisions:
    """Reconstruct many predictions as a question that a journal knows of; `narrowed` is what it says beside them."""
    words = None if access.journal is None else asked.words
    with access.asking("decisions", words, **(narrowed or {})) as answer:
        decisions = Decisions(store, asked, access)
        decisions.tell(answer)
        return decisions


def _or(name: str, otherwise: str = "not stated") -> pl.Expr:
    return pl.col(name).fill_null(otherwise)


def _counted(rows: pl.DataFrame, what: pl.Expr, most: int = 10) -> str:
    """Return how often each text stands among rows, the most frequent first."""
    counts = (
        rows.select(what.alias("what")).group_by("what").len().sort(pl.col("len"), "what", descending=[True, False])
    )
    told = [f"{text} ({count:,})" for text, count in counts.head(most).iter_rows()]
    more = counts.height - most
    return ", ".join(told) + (f" and {more:,} more" if more > 0 else "")


def _by_code(told: pl.DataFrame) -> list[tuple[str, int]]:
    counts = told.unique(["row", "code"]).group_by("code").len().sort(pl.col("len"), "code", descending=[True, False])
    return list(counts.iter_rows())


def _moment(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)


def _plain(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON takes them: times as ISO 8601, numbers that JSON lacks as text."""
    times = rows.with_columns(pl.selectors.datetime().dt.to_string("iso:strict"))
    return [{name: _value(value) for name, value in row.items()} for row in times.iter_rows(named=True)]


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return [_value(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
