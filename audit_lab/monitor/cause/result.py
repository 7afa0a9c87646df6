"""`Cause`: what moved a mean or a rate between two windows, by each method, and which groups it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.monitor.cause.contribution import ATTRIBUTION, EXCHANGE, REWEIGHTING
from audit_lab.monitor.cause.telling import cause_sentences
from audit_lab.seal.digests import sha256
from audit_lab.seal.hidden_letters import spelling, spelling_text
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.monitor.cause.contribution import Method, ModelPart
    from audit_lab.monitor.cause.decomposition import Splits
    from audit_lab.monitor.cause.question import CauseQuestion
    from audit_lab.monitor.cause.shift import Shift

__all__ = ["Cause", "NamedChange"]

_FORMAT = "audit_lab.cause"
_VERSION = 1
#: Methods in the order in which a picture prefers them.
_PICTURED = (EXCHANGE, ATTRIBUTION, REWEIGHTING)
_MOST_STEPS = 8
_SHOWN = 20


@dataclass(frozen=True)
class NamedChange:
    """A change of the data between the windows that has a name: its kind, the columns, and a sentence."""

    kind: str
    columns: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, eq=False)
class Cause:
    """What moved a mean score, or the rate of a decision, between two windows; `find_cause` makes it.

    Parameters
    ----------
    asked
        The question.
    log
        The log and its state, as JSON-safe values.
    shift
        How far it moved, and whether that is beyond chance.
    versions
        Which versions decided in each window, and how often.
    model_part
        What another version does, where the main versions of the windows differ.
    model_absent
        Why that cannot be told, where it cannot.
    methods
        Attribution, re-weighting and exchange; none where nothing moved.
    splits
        The shift over the groups of each column; None where nothing moved.
    changes
        Changes of the data that were recognised, such as another unit.
    facts
        What must be known of the rows, in sentences without an end.
    """

    asked: CauseQuestion
    log: Mapping[str, Any]
    shift: Shift
    versions: tuple[tuple[tuple[str | None, int], ...], tuple[tuple[str | None, int], ...]]
    model_part: ModelPart | None
    model_absent: str | None
    methods: tuple[Method, ...]
    splits: Splits | None
    changes: tuple[NamedChange, ...]
    facts: tuple[str, ...]

    @property
    def was_looked_for(self) -> bool:
        """Whether causes were looked for: something moved, or they were asked for anyway."""
        return bool(self.methods)

    def method(self, name: str | None = None) -> Method:
        """Return a method by name; when None exchange, attribution or re-weighting, the first that there is.

        Raises
        ------
        MisuseError
            There is none of that name, or it is absent.
        """
        there = {each.name: each for each in self.methods if each.is_there}
        chosen = name or next((each for each in _PICTURED if each in there), None)
        if chosen is None or chosen not in there:
            known = ", ".join(there) or "none, because nothing moved"
            raise MisuseError(f"there are no contributions by {name or 'any method'}", f"There are: {known}.")
        return there[chosen]

    def table(self) -> pl.DataFrame:
        """Return one row for each feature, the methods side by side.

        Returns
        -------
        pl.DataFrame
            ``feature`` and ``change`` (kinds of recognised changes), and for ``attribution``, ``reweighting`` and
            ``exchange`` the contribution with ``_low`` and ``_high``; ``exchange_into``, ``exchange_out_of``,
            ``effective_rows``, ``unsupported`` and ``uncovered``. Largest contribution by exchange first, or by what
            there is.
        """
        columns: dict[str, Any] = {"feature": pl.String, "change": pl.String}
        names = {ATTRIBUTION: "attribution", REWEIGHTING: "reweighting", EXCHANGE: "exchange"}
        for name in names.values():
            columns |= dict.fromkeys((name, f"{name}_low", f"{name}_high"), pl.Float64)
        further = {
            "exchange_into": (EXCHANGE, "into"),
            "exchange_out_of": (EXCHANGE, "out_of"),
            **{name: (REWEIGHTING, name) for name in ("effective_rows", "unsupported", "uncovered")},
        }
        columns |= dict.fromkeys(further, pl.Float64)
        by_name = {each.name: each for each in self.methods if each.is_there}
        order = [each.feature for name in _PICTURED if name in by_name for each in by_name[name].contributions]
        rows = []
        for feature in dict.fromkeys(order):
            row: dict[str, Any] = {"feature": feature, "change": self._kinds(feature)}
            found = {name: method.of(feature) for name, method in by_name.items()}
            for name, short in names.items():
                each = found.get(name)
                if each is not None:
                    row |= {short: each.value, f"{short}_low": each.low, f"{short}_high": each.high}
            row |= {name: getattr(found.get(own), field, None) for name, (own, field) in further.items()}
            rows.append(row)
        return pl.DataFrame(rows, schema=columns)

    def segments_table(self) -> pl.DataFrame:
        """Return one row for each group of each column: shares, means, what its mix and its rate add, expression."""
        schema: dict[str, Any] = {
            "column": pl.String,
            "group": pl.String,
            **dict.fromkeys(("before", "after"), pl.Int64),
            **dict.fromkeys(("mean_before", "mean_after", "mix", "rate", "p_value"), pl.Float64),
            "expression": pl.String,
        }
        rows = [
            (
                *(each.column, group.level, group.before, group.after, group.mean_before, group.mean_after),
                *(group.mix, group.rate, each.p_value, group.expression),
            )
            for each in (self.splits.splits if self.splits is not None else ())
            for group in each.groups
        ]
        return pl.DataFrame(rows, schema=schema, orient="row")

    def steps(self, method: str | None = None, *, most: int = _MOST_STEPS) -> pl.DataFrame:
        """Return the steps from the mean before to the mean after, as `audit_lab.charts.cause_waterfall` draws them.

        Parameters
        ----------
        method
            By which method, as for `method`.
        most
            So many features have a step of their own; the others are in that of the rest.

        Returns
        -------
        pl.DataFrame
            ``label``, ``kind`` (``before``, ``cause``, ``model``, ``rest``, ``after``), ``value``, ``low`` and ``high``
            (of the value; null without an interval), ``start`` and ``end``.

        Raises
        ------
        MisuseError
            There are no contributions by that method.
        """
        found = self.method(method)
        start = found.before or 0.0
        rows: list[tuple[str, str, float, float | None, float | None, float, float]] = [
            (f"before: {self.asked.before.words()}", "before", start, None, None, 0.0, start)
        ]
        steps: list[tuple[str, str, float, float | None, float | None]] = []
        if found.model:
            part = self.model_part if found.unit == self.asked.of else None
            reach = (None, None) if part is None else (part.low, part.high)
            steps.append(("another version", "model", found.model, *reach))
        known = [each for each in found.contributions if each.value is not None]
        steps += [(self._named(each.feature), "cause", each.value or 0.0, each.low, each.high) for each in known[:most]]
        rest = found.moved - sum(step[2] for step in steps)
        others = len(known) - most
        steps.append((f"the rest, with {others} features" if others > 0 else "the rest", "rest", rest, None, None))
        for label, kind, value, low, high in steps:
            rows.append((label, kind, value, low, high, start, start + value))
            start += value
        end = found.after or 0.0
        rows.append((f"after: {self.asked.after.words()}", "after", end, None, None, 0.0, end))
        schema = {
            "label": pl.String,
            "kind": pl.String,
            **dict.fromkeys(("value", "low", "high", "start", "end"), pl.Float64),
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    def words(self, method: str | None = None) -> dict[str, Any]:
        """Return title, subtitle and axis title of the picture of `steps`."""
        found = self.method(method)
        what = self.asked.what if found.unit == self.asked.of else f"mean {found.unit}"
        shift = f"{found.moved:+.4f} from the window before to the one after, by {found.name}"
        rows = f"{found.rows_before:,} decisions of {self.asked.model} before, {found.rows_after:,} after"
        reach = f"lines: intervals of {self.asked.confidence:.0%}, each for one step alone"
        return {"title": f"What moved the {what}", "subtitle": [shift, f"{rows}; {reach}"], "axis_title": what}

    def change_sentences(self) -> list[str]:
        """Return each recognised change beside the contribution of its feature."""
        said = []
        method = next(
            (each for name in _PICTURED for each in self.methods if each.name == name and each.is_there), None
        )
        for change in self.changes:
            found = [method.of(column) for column in change.columns] if method is not None else []
            values = [each for each in found if each is not None and each.value is not None]
            explains = ", ".join(f"{each.value:+.4f}" for each in values)
            tail = (
                f": its feature goes with {explains} of {method.moved:+.4f} by {method.name}"
                if values and method
                else ""
            )
            said.append(f"Recognised: {change.sentence.rstrip('.')}{tail}.")
        return said

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of question and answer; the same question of the same log has the same."""
        return sha256(canonical_json(self._answer()))

    @spelling_text
    def describe(self) -> list[str]:
        """Return the answer in plain sentences; the first says how much it moved, and whether beyond chance."""
        return cause_sentences(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole answer as JSON-safe values."""
        return {**self._answer(), "digest": self.digest, "summary": self.describe()}

    def _answer(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "version": _VERSION,
            "log": dict(self.log),
            "asked": self.asked.to_dict(),
            "shift": self.shift.to_dict(),
            "versions": {
                name: [{"version": version, "decisions": count} for version, count in each]
                for name, each in zip(("before", "after"), self.versions, strict=True)
            },
            "model_part": None if self.model_part is None else self.model_part.to_dict(),
            "model_absent": self.model_absent,
            "methods": [each.to_dict() for each in self.methods],
            "segments": None if self.splits is None else self.splits.to_dict(),
            "changes": [{**vars(each), "columns": list(each.columns)} for each in self.changes],
            "facts": list(self.facts),
        }

    def _kinds(self, feature: str) -> str | None:
        return ", ".join(dict.fromkeys(each.kind for each in self.changes if feature in each.columns)) or None

    def _named(self, feature: str) -> str:
        kinds = self._kinds(feature)
        return feature if kinds is None else f"{feature} ({kinds})"

    @spelling_text
    def __repr__(self) -> str:
        """Return the first sentence."""
        return f"Cause: {self.describe()[0]}"

    @spelling
    def _repr_html_(self) -> str:
        """Return the sentences and the contributions side by side; every text is escaped."""
        said = "".join(f"<li>{escape(line)}</li>" for line in self.describe())
        names = ("feature", "attribution", "reweighting", "exchange")
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{escape(_cell(row[name]))}</td>" for name in names) + "</tr>"
            for row in self.table().head(_SHOWN).iter_rows(named=True)
        )
        return f"<ul>{said}</ul><table><tr>{head}</tr>{body}</table><small>digest {self.digest}</small>"


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:+.4f}" if isinstance(value, float) else str(value)
