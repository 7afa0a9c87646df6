"""The search for segments: which ones the shift of the score, or the errors, concentrate in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.errors import LogError, MisuseError
from audit_lab.monitor.segments.concentration import concentration, groupings
from audit_lab.monitor.segments.levels import levels_of
from audit_lab.monitor.sentences import sentence
from audit_lab.seal.hidden_letters import spelling, spelling_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from audit_lab.monitor.segments.concentration import Concentration, Grouping
    from audit_lab.monitor.segments.levels import Levels
    from audit_lab.monitor.segments.together import Together

__all__ = ["MINIMUM_ROWS", "Segment", "Segments", "find_segments"]

#: A segment has at least so many rows, those of the window and of the reference together.
MINIMUM_ROWS = 50
_LEVEL = 0.05
_TOLD = 8
#: Of two segments of which one holds the other, the narrower one says it all if it has this part of the excess.
_SAME_PART = 0.8


@dataclass(frozen=True)
class Segment:
    """One segment.

    Attributes
    ----------
    features, levels
        What it is made of: one feature or two, and the level of each.
    before, after
        Its rows in the reference and in the window.
    share_before, share_after
        Their shares; None without rows on that side.
    mean_before, mean_after
        Of the score, or the error rate; None without rows.
    contribution
        What it adds to the difference of the means of all rows, or to the error rate beyond the mean.
    excess
        What it adds beyond an even shift.
    deviations
        The excess in its standard errors.
    p_value
        Adjusted for all segments tried.
    leads
        Whether it is one of those to look at: it is significant, and no segment that holds it or that it holds says the
        same better.
    expression
        What `AuditLog.find` takes for its rows, None where it cannot.
    """

    features: tuple[str, ...]
    levels: tuple[str, ...]
    before: int
    after: int
    share_before: float | None
    share_after: float | None
    mean_before: float | None
    mean_after: float | None
    contribution: float
    excess: float
    deviations: float
    p_value: float
    leads: bool
    expression: str | None

    @property
    def name(self) -> str:
        """What it is called: ``carrier AA, departure_hour > 17``."""
        return ", ".join(f"{one} {level}" for one, level in zip(self.features, self.levels, strict=True))


@dataclass(frozen=True, eq=False)
class Segments:
    """Where a shift or the errors concentrate; :func:`find_segments` makes it.

    Attributes
    ----------
    segments
        The significant ones, by what they contribute, the largest first.
    measure
        ``score``, ``error`` or, of a model that puts out a number, ``absolute error``.
    before, after
        Mean of the value in the reference (None where there is none) and in the window.
    rows_before, rows_after
        Their rows.
    tried
        How many segments had rows enough and were tested.
    method
        How p-values were adjusted for that number.
    together
        How the score's drift and the error rate go together over windows, where outcomes are known.
    facts
        Plain sentences about the data.
    """

    segments: tuple[Segment, ...]
    measure: str
    before: float | None
    after: float
    rows_before: int
    rows_after: int
    tried: int
    minimum: int
    method: str
    together: Together | None
    facts: tuple[str, ...]

    @property
    def leading(self) -> tuple[Segment, ...]:
        """The segments to look at: significant, and none of them says what a narrower or wider one says better."""
        return tuple(one for one in self.segments if one.leads)

    def table(self) -> pl.DataFrame:
        """Return one row for each significant segment."""
        rows = [{"segment": one.name, **_flat(one)} for one in self.segments]
        return pl.DataFrame(rows, schema=_TABLE)

    @spelling_text
    def summary(self) -> list[str]:
        """Return plain sentences; the first says where it concentrates, or that nowhere does."""
        leading = self.leading
        said = [_sentence(self, one) for one in leading[:_TOLD]]
        if not said:
            what = "the shift of the score" if self.measure == "score" else "the errors"
            said = [f"No segment stands out: {what} {'is' if self.measure == 'score' else 'are'} spread evenly."]
            if not self.tried:
                said = [f"Nothing can be told of segments: none has {self.minimum} rows and others beside it."]
        elif len(leading) > _TOLD:
            said.append(f"And {len(leading) - _TOLD} more; see Segments.leading.")
        return [
            *said,
            _overall(self),
            (
                f"Tried: {self.tried:,} segments of one feature or two with {self.minimum} rows or more; p-values "
                f"adjusted for all of them ({self.method})."
            ),
            *([] if self.together is None else [self.together.sentence()]),
            *(sentence(fact) for fact in self.facts),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the whole answer JSON-safe."""
        plain = ("measure", "before", "after", "rows_before", "rows_after", "tried", "minimum", "method")
        return {
            **{name: getattr(self, name) for name in plain},
            "summary": self.summary(),
            "segments": [{"name": one.name, **asdict(one)} for one in self.segments],
            "together": None if self.together is None else self.together.to_dict(),
            "facts": list(self.facts),
        }

    @spelling
    def _repr_html_(self) -> str:
        """Return the summary as HTML; every text of the log is escaped."""
        return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in self.summary())}</ul>"


def find_segments(
    frame: pl.DataFrame,
    features: Sequence[str],
    *,
    measure: str,
    pairs: bool = True,
    minimum: int = MINIMUM_ROWS,
    seed: int = 0,
    expressions: Mapping[str, str] | None = None,
    together: Together | None = None,
    facts: Sequence[str] = (),
) -> Segments:
    """Find the segments that a shift of the score, or the errors, concentrate in.

    Parameters
    ----------
    frame
        ``__value__`` (float64: the score, or 1 for an error and 0 for none), ``__after__`` (true in the window, false
        in the reference), and the features as float64 or text. Where every row is in the window, segments are compared
        with all rows, and only those above count.
    features
        The features that make segments.
    measure
        ``score``, ``error`` or ``absolute error``: what the value is.
    pairs
        Whether segments of two features are tried.
    minimum
        The least rows of a segment.
    seed
        Of the permutations.
    expressions
        What `AuditLog.find` calls a feature.

    Raises
    ------
    LogError
        There is no row with a value in the window, or the reference has none while it has rows.
    MisuseError
        `minimum` is less than 2.
    """
    if minimum < 2:  # noqa: PLR2004 - one row has no spread
        raise MisuseError(f"a segment of {minimum} rows says nothing", "Ask for at least 2.")
    known = frame["__value__"].is_finite().fill_null(value=False)
    held = frame.filter(known)
    said = [*facts]
    if held.height < frame.height:
        said.append(f"{frame.height - held.height:,} rows have no {measure} and are left out")
    after = held["__after__"].to_numpy()
    if not after.any() or (not frame["__after__"].all() and after.all()):
        where = "the window" if not after.any() else "the reference"
        raise LogError(f"There is no row with a known {measure} in {where}", "Choose another period.")
    values = held["__value__"].to_numpy()
    levels = [levels_of(held[name], ~after if not after.all() else after) for name in features]
    groups = groupings(levels, pairs=pairs)
    found = concentration(values, after, groups, minimum, seed, one_sided=bool(after.all()))
    segments = _segments(found, groups, levels, after, expressions or {})
    return Segments(
        segments=segments,
        measure=measure,
        before=None if after.all() else float(values[~after].mean()),
        after=float(values[after].mean()),
        rows_before=int((~after).sum()),
        rows_after=int(after.sum()),
        tried=found.excess.size,
        minimum=minimum,
        method=found.method,
        together=together,
        facts=tuple(said),
    )


def _segments(
    found: Concentration,
    groups: Sequence[Grouping],
    levels: Sequence[Levels],
    in_window: NDArray[np.bool_],
    expressions: Mapping[str, str],
) -> tuple[Segment, ...]:
    one_sided = bool(in_window.all())
    rows_after, rows_before = int(in_window.sum()), int((~in_window).sum())
    significant = np.flatnonzero((found.p_value <= _LEVEL) & ((found.excess > 0) | (not one_sided)))
    made = []
    for place in significant.tolist():
        group = groups[found.grouping[place]]
        codes = group.levels(int(found.cell[place]))
        parts = [levels[feature] for feature in group.features]
        before, after = int(found.before[place]), int(found.after[place])
        made.append(
            Segment(
                tuple(part.feature for part in parts),
                tuple(part.labels[code] for part, code in zip(parts, codes, strict=True)),
                before,
                after,
                before / rows_before if rows_before else None,
                after / rows_after,
                float(found.mean_before[place]) if before else None,
                float(found.mean_after[place]) if after else None,
                float(found.contribution[place]),
                float(found.excess[place]),
                float(found.deviations[place]),
                float(found.p_value[place]),
                leads=False,
                expression=_expression(parts, codes, expressions),
            )
        )
    made.sort(key=lambda one: (-abs(one.contribution), -abs(one.deviations), one.features, one.levels))
    return tuple(_with_lead(one, made) for one in made)


def _with_lead(one: Segment, every: Sequence[Segment]) -> Segment:
    """Say whether a segment leads: a wider one does unless one of its parts has most of its excess, and the reverse."""
    mine = set(zip(one.features, one.levels, strict=True))
    for other in every:
        theirs = set(zip(other.features, other.levels, strict=True))
        same_way = one.excess * other.excess > 0
        if theirs > mine and same_way and abs(other.excess) >= _SAME_PART * abs(one.excess):
            return one
        if theirs < mine and same_way and abs(one.excess) < _SAME_PART * abs(other.excess):
            return one
    return Segment(**{**_fields(one), "leads": True})


def _fields(one: Segment) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Segment.__dataclass_fields__}


def _expression(parts: Sequence[Levels], codes: tuple[int, ...], expressions: Mapping[str, str]) -> str | None:
    said = []
    for part, code in zip(parts, codes, strict=True):
        condition, name = part.conditions[code], expressions.get(part.feature)
        if condition is None or name is None:
            return None
        said.append(condition.format(name))
    return " and ".join(said)


def _sentence(found: Segments, one: Segment) -> str:
    rows = f"{one.after:,} rows" if found.before is None else f"{one.before:,} rows before, {one.after:,} after"
    p_value = f"p {one.p_value:.2g}"
    if found.before is None:
        if found.measure != "error":
            return (
                f"{one.name}: mean {found.measure} {one.mean_after or 0:.4g} against {found.after:.4g} overall, which "
                f"it adds {one.contribution:.4g} to ({rows}, {p_value})."
            )
        return (
            f"{one.name}: error rate {one.mean_after or 0:.1%} against {found.after:.1%} overall, "
            f"{one.contribution:.2%} of all rows are errors more than its share ({rows}, {p_value})."
        )
    before, after = ("none" if mean is None else f"{mean:.4g}" for mean in (one.mean_before, one.mean_after))
    return (
        f"{one.name}: mean {found.measure} {before} before, {after} after; it adds {one.contribution:+.4g} to "
        f"the shift of {found.after - found.before:+.4g} ({rows}, {p_value})."
    )


def _overall(found: Segments) -> str:
    if found.before is None:
        if found.measure != "error":
            return f"Overall: mean {found.measure} {found.after:.4g} over {found.rows_after:,} rows with an outcome."
        return f"Overall: error rate {found.after:.2%} over {found.rows_after:,} rows with an outcome."
    return (
        f"Overall: mean {found.measure} {found.before:.4g} over {found.rows_before:,} rows of the reference, "
        f"{found.after:.4g} over {found.rows_after:,} rows of the window."
    )


_TABLE: dict[str, Any] = {
    "segment": pl.String,
    **dict.fromkeys(("before", "after"), pl.Int64),
    **dict.fromkeys(
        (
            "share_before",
            "share_after",
            "mean_before",
            "mean_after",
            "contribution",
            "excess",
            "deviations",
            "p_value",
        ),
        pl.Float64,
    ),
    "leads": pl.Boolean,
    "expression": pl.String,
}


def _flat(one: Segment) -> dict[str, Any]:
    return {name: getattr(one, name) for name in _TABLE if name != "segment"}
