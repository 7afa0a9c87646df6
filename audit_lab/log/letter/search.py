"""Search by what a letter says: a customer, a rough local time, an amount, a decision; each find says why it matches.

No score is made up: candidates are ordered by how many of the letter's clues they match, then by how near they lie to
the time that it gives. The log is read lazily and only the best candidates are held, so memory does not grow with it.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.files.reading import collect
from audit_lab.log.index.lookup import look_up, places_of
from audit_lab.log.letter.candidate import Candidate, Clues, Surroundings, candidate_of
from audit_lab.log.letter.ranking import Ranking, Units, best_rows
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.seal.hidden_letters import spelling, spelling_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.log.store import LogStore

__all__ = ["Letter", "search_letter"]

#: More rows than this are read in one pass over the table.
_MOST_LOOK_UPS = 100
_OTHERS = "Leave the customer out to search the decisions on everybody."
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "place": pl.String,
    "occurred_at": pl.Datetime("us", "UTC"),
    "local_time": pl.String,
    "model_name": pl.String,
    "model_version": pl.String,
    "decision": pl.String,
    "matches": pl.Int64,
    "of": pl.Int64,
    "why": pl.String,
}


@dataclass(frozen=True)
class Letter:
    """The decisions that a letter may speak of, best first.

    Attributes
    ----------
    candidates
        Each with its reasons, clue by clue.
    matching
        How many decisions match at least one clue; those beyond the limit are counted, not shown.
    searched
        Which decisions were looked at, in a sentence.
    notes
        What to know about how the letter was read.
    """

    candidates: tuple[Candidate, ...]
    matching: int
    searched: str
    notes: tuple[str, ...]
    asked: tuple[str, ...]

    @property
    def frame(self) -> pl.DataFrame:
        """One row for each candidate: place, times, version, decision, how many of the clues match, and why."""
        rows = [
            {
                **{name: getattr(each, name) for name in _SCHEMA if name != "of"},
                "of": len(self.asked),
            }
            for each in self.candidates
        ]
        return pl.DataFrame(rows, schema=_SCHEMA)

    @spelling_text
    def summary(self) -> list[str]:
        """Return what was searched, how the letter was read, and how many decisions match, a sentence each."""
        shown = len(self.candidates)
        best = f"; the best matches {self.candidates[0].matches} of {len(self.asked)} clues" if shown else ""
        count = "1 decision matches" if self.matching == 1 else f"{self.matching:,} decisions match"
        found = f"{count} at least one of {', '.join(self.asked)}; {shown} shown{best}."
        return [self.searched, *self.notes, found]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        return {
            "asked": list(self.asked),
            "matching": self.matching,
            "searched": self.searched,
            "notes": list(self.notes),
            "candidates": [
                {
                    "place": each.place,
                    "prediction_id": each.prediction_id,
                    "occurred_at": None if each.occurred_at is None else each.occurred_at.isoformat(),
                    "local_time": each.local_time,
                    "model_name": each.model_name,
                    "model_version": each.model_version,
                    "decision": each.decision,
                    "matches": each.matches,
                    "why": each.why,
                    "reasons": [reason.__dict__ for reason in each.reasons],
                }
                for each in self.candidates
            ],
        }

    @spelling_text
    def __repr__(self) -> str:
        """Return the summary, and the best candidates with their reasons."""
        lines = [f"{each.matches} of {len(self.asked)}: {each.place}: {each.why}" for each in self.candidates[:5]]
        return "\n".join([*self.summary(), *lines])

    @spelling
    def _repr_html_(self) -> str:
        """Show the candidates as a table; every text is escaped."""
        names = ("matches", "local_time", "decision", "model_version", "place", "why")
        head = "".join(f"<th style='text-align:left'>{name.replace('_', ' ')}</th>" for name in names)
        body = "".join(
            "<tr>"
            + "".join(
                f"<td style='text-align:left'>{html.escape('-' if value is None else str(value))}</td>"
                for value in (getattr(each, name) for name in names)
            )
            + "</tr>"
            for each in self.candidates
        )
        said = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in self.summary())
        return f"{said}<table><tr>{head}</tr>{body}</table>"


def search_letter(store: LogStore, clues: Clues, units: Units, limit: int = 20) -> Letter:
    """Return the decisions that match a letter best.

    Where the letter names a customer whose pseudonym is in the log, only that customer's decisions are looked at: the
    decisions on other persons are no answer to the letter. Where it is not there, that is said, and the other clues are
    looked for in the whole log.

    Parameters
    ----------
    store, clues
        The log, and what the letter says.
    units
        Model to input to unit, as far as known.
    limit
        How many candidates at most, 1 to 1,000.

    Raises
    ------
    MisuseError
        There is no clue, or the limit is out of range.
    """
    if not clues.asked:
        raise MisuseError(
            "nothing of the letter was given", "Give at least one of customer, subject, around, amount and decision."
        )
    if not 1 <= limit <= 1_000:  # noqa: PLR2004 - said in the message
        raise MisuseError(f"limit is {limit}", "Give 1 to 1,000.")
    notes = clues.time.notes if clues.time else ()
    of_model = "" if clues.model is None else f" of the model {clues.model}"
    found = None if clues.subject is None else look_up(store, "predictions", "subject_id", clues.subject)
    if found is not None and found.rows.height:
        rows = found.rows if clues.model is None else found.rows.filter(pl.col("model_name") == clues.model)
        ranking = Ranking(rows, clues, rows.height)
        searched = f"Only the decisions on this customer{of_model} were searched. {found.searched} {_OTHERS}"
    else:
        ranking = best_rows(store, clues, units, limit)
        unknown = "" if clues.subject is None else "This customer's pseudonym is not in the log. "
        searched = f"{unknown}All decisions{of_model} were searched."
    candidates = sorted(_explained(store, ranking.clues, units, ranking.rows), key=_order)
    return Letter(tuple(candidates[:limit]), ranking.matching, searched, (*notes, *ranking.notes), ranking.clues.asked)


def _explained(store: LogStore, clues: Clues, units: Units, rows: pl.DataFrame) -> list[Candidate]:
    ids = rows["prediction_id"].unique()
    overridden = _overridden(store, ids) if clues.decision is not None else {}
    inputs: dict[tuple[str, str], pl.DataFrame] = {}
    if clues.amount is not None:
        for model in set(rows["model_name"].drop_nulls()) & set(store.models()):
            of_model = rows.filter(pl.col("model_name") == model)["prediction_id"].unique()
            inputs |= {(model, each): found for each, found in _inputs(store, model, of_model).items()}
    candidates = []
    for row, place in zip(rows.to_dicts(), places_of(rows), strict=True):
        model, prediction_id = row["model_name"], row["prediction_id"]
        around = Surroundings(
            inputs.get((model, prediction_id)), units.get(model, {}), overridden.get(prediction_id, ())
        )
        candidates.append(candidate_of(clues, row, place, around))
    return candidates


def _inputs(store: LogStore, model: str, ids: pl.Series) -> Mapping[str, pl.DataFrame]:
    """Return the rows of inputs of some predictions: through the locator where there is one and they are few."""
    table = INPUTS_PREFIX + model
    if store.shelf is not None and ids.len() <= _MOST_LOOK_UPS:
        return {each: look_up(store, table, "prediction_id", each).rows.drop(SEGMENT, ROW) for each in ids}
    rows = collect(store.inputs(model).filter(pl.col("prediction_id").is_in(ids.implode())), f"the {table}")
    return {str(key[0]): found for key, found in rows.group_by("prediction_id")}


def _overridden(store: LogStore, ids: pl.Series) -> dict[str, list[str]]:
    """Return what persons decided about some predictions, in order of time."""
    after = pl.col("decision_after")
    changes = store.table("overrides").filter(pl.col("prediction_id").is_in(ids.implode()) & after.is_not_null())
    rows = collect(changes.select("prediction_id", "recorded_at", after), f"the overrides of {store.location}")
    found: dict[str, list[str]] = {}
    for prediction_id, _, decision in rows.sort("recorded_at").iter_rows():
        found.setdefault(prediction_id, []).append(decision)
    return found


def _order(candidate: Candidate) -> tuple[Any, ...]:
    """Return what candidates are sorted by, as in `best_rows`; equals stay in the order of their places."""
    offset, moment = candidate.offset, candidate.occurred_at
    distance = (True,) if offset is None else (False, abs(offset))
    rank = (True,) if candidate.amount_rank is None else (False, candidate.amount_rank)
    newest = (True,) if moment is None else (False, -moment.timestamp())
    return -candidate.matches, distance, rank, newest
