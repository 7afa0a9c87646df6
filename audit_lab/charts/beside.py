"""A picture of a what-if: the original beside the changed inputs, scores against the threshold, and contributions.

Its shape is made and checked by altair once; then only rows and titles are put in, so that it keeps up with a hand on a
slider. Ranges and orders come from the rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from audit_lab.charts.theme import ACCENT, INK, PALE, altair, dressed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import polars as pl
    from altair import VConcatChart

__all__ = ["BesideOriginal", "what_if", "what_if_specification"]

_WIDTH, _BAR, _STEP = 460, 13, 15
_MOST, _LONGEST = 12, 28
#: Pixels that a label beside bars may take; those that a narrow letter takes at most, and any other.
_WIDEST, _NARROW, _OTHER = 300, 7.5, 14
_NARROW_ONES = frozenset("0123456789abcdefghijklnopqrstuvxyz .,:;-()'")
#: Room for the labels beside bars, in pixels.
_ROOM = 64
_ORIGINAL, _CHANGED = "original", "changed"
_SCORES, _EDGE, _SHARES = "scores", "threshold", "contributions"
_COLOURS = (PALE, ACCENT)
#: From here on, decimals say nothing.
_WIDE = 1000.0
_MARK = "\N{BLACK CIRCLE}"
_MINUS = "\N{MINUS SIGN}"


class BesideOriginal(Protocol):
    """What the picture is of; `audit_lab.explain.what_if.WhatIf` is one."""

    @property
    def headline(self) -> str:
        """What came of it, in a few words."""
        ...

    @property
    def caption(self) -> Sequence[str]:
        """Which decision and version, and how it was explained."""
        ...

    @property
    def threshold(self) -> float | None:
        """The threshold in force."""
        ...

    @property
    def score_title(self) -> str:
        """What the score is."""
        ...

    @property
    def score_range(self) -> tuple[float, float] | None:
        """Lowest and highest score that there can be; None where it has no bounds."""
        ...

    @property
    def share_title(self) -> str | None:
        """What the contributions are of; None where there are none."""
        ...

    @property
    def sides(self) -> pl.DataFrame:
        """``side`` (``original`` and ``changed`` count), ``score``, ``decision``, ``refused``."""
        ...

    @property
    def rows(self) -> pl.DataFrame:
        """``feature``, ``unit``, ``recorded``, ``value`` (texts), ``is_changed``; contributions and ``difference``."""
        ...


def what_if(found: BesideOriginal) -> VConcatChart:
    """Draw a what-if: both scores against the threshold, and the contributions of both.

    The original is light, the changed inputs dark, and the changed features are marked by a dot before their name. At
    most twelve features are drawn: the changed ones first, then the largest of either.

    Parameters
    ----------
    found
        What ``decision.what_if(...)`` returned.
    """
    chart = _shape(_asked(found)).copy(deep=False)
    chart.title = altair().TitleParams(text=found.headline, subtitle=_subtitle(found))
    chart.datasets = _rows(found)
    return chart


def what_if_specification(found: BesideOriginal) -> dict[str, Any]:
    """Return the same picture as a Vega-Lite specification, at once: its shape is not checked again."""
    return {
        **_specification(_asked(found)),
        "title": {"text": found.headline, "subtitle": _subtitle(found)},
        "datasets": _rows(found),
    }


@dataclass(frozen=True)
class _Asked:
    """What the picture's shape depends on."""

    score_title: str
    score_range: tuple[float, float] | None
    share_title: str | None
    has_threshold: bool
    is_long: bool


def _asked(found: BesideOriginal) -> _Asked:
    has_threshold = found.threshold is not None and math.isfinite(found.threshold)
    return _Asked(found.score_title, found.score_range, found.share_title, has_threshold, _is_long(found))


def _is_long(found: BesideOriginal) -> bool:
    """Whether a label may be wider than its room: to measure each takes a tenth of the drawing, and few need it."""
    if found.share_title is None:
        return False
    return any(_widest(row["label"]) > _WIDEST for row in _share_rows(found.rows))


def _widest(label: str) -> float:
    return sum(_NARROW if letter in _NARROW_ONES else _OTHER for letter in label)


@lru_cache(maxsize=32)
def _specification(asked: _Asked) -> dict[str, Any]:
    made: dict[str, Any] = _shape(asked).to_dict()
    return made


@lru_cache(maxsize=32)
def _shape(asked: _Asked) -> Any:
    alt = altair()
    colour = alt.Color(
        "side:N",
        scale=alt.Scale(domain=[_ORIGINAL, _CHANGED], range=list(_COLOURS)),
        legend=alt.Legend(title=None, orient="bottom"),
    )
    parts = [_scores(asked, colour)]
    if asked.share_title is not None:
        parts.append(_shares(asked.share_title, colour, is_long=asked.is_long))
    return dressed(alt.vconcat(*parts, spacing=22), "", [])


def _scores(asked: _Asked, colour: Any) -> Any:
    alt = altair()
    base = alt.Chart(alt.NamedData(_SCORES))
    y = alt.Y("side:N", sort=[_ORIGINAL, _CHANGED], title=None, axis=alt.Axis(ticks=False, domain=False))
    bounds = {"nice": False} if asked.score_range is None else {"domain": list(asked.score_range)}
    x = alt.X("score:Q", title=asked.score_title, scale=alt.Scale(**bounds), axis=alt.Axis(tickCount=6))
    bars = base.mark_bar(height=_BAR, stroke=INK, strokeWidth=0.5).encode(y=y, x=x, color=colour)
    # Beside the plot, where neither a bar nor the threshold is in the way.
    text = base.mark_text(align="left", fontSize=11, color=INK).encode(y=y, x=alt.value(_WIDTH + 8), text="text:N")
    layers = [bars, text]
    if asked.has_threshold:
        edge = alt.Chart(alt.NamedData(_EDGE))
        rule = edge.mark_rule(color=INK, strokeWidth=1.5, strokeDash=[5, 3]).encode(x="at:Q")
        name = edge.mark_text(dy=-5, baseline="bottom", fontSize=11, color=INK)
        layers += [rule, name.encode(x="at:Q", y=alt.value(0), text="text:N")]
    return alt.layer(*layers).properties(width=_WIDTH, height=56)


def _shares(title: str, colour: Any, *, is_long: bool) -> Any:
    alt = altair()
    base = alt.Chart(alt.NamedData(_SHARES))
    order = alt.EncodingSortField(field="order", op="min", order="ascending")
    y = alt.Y(
        "label:N",
        sort=order,
        title=None,
        axis=alt.Axis(labelLimit=_WIDEST if is_long else 0, ticks=False, domain=False),
    )
    beside = alt.YOffset("side:N", sort=[_ORIGINAL, _CHANGED])
    x = alt.X("share:Q", title=title, scale=alt.Scale(nice=False, padding=_ROOM), axis=alt.Axis(tickCount=6))
    bars = base.mark_bar(stroke=INK, strokeWidth=0.5).encode(y=y, yOffset=beside, x=x, color=colour)
    text = base.mark_text(align="left", dx=4, fontSize=10, color=INK).encode(
        y=y, yOffset=beside, x="after:Q", text="text:N"
    )
    return alt.layer(bars, text).properties(width=_WIDTH, height=alt.Step(_STEP, **{"for": "offset"}))


def _subtitle(found: BesideOriginal) -> list[str]:
    return [line for line in found.caption if line]


def _rows(found: BesideOriginal) -> dict[str, list[dict[str, Any]]]:
    edge = found.threshold
    datasets = {_SCORES: list(_score_rows(found))}
    if edge is not None and math.isfinite(edge):
        datasets[_EDGE] = [{"at": edge, "text": f"threshold {edge:g}"}]
    if found.share_title is not None:
        datasets[_SHARES] = list(_share_rows(found.rows))
    return datasets


def _score_rows(found: BesideOriginal) -> Iterator[dict[str, Any]]:
    for row in found.sides.iter_rows(named=True):
        if row["side"] not in {_ORIGINAL, _CHANGED}:
            continue
        score, decision = row["score"], row["decision"]
        is_drawn = score is not None and math.isfinite(score)
        texts = [f"{score:.4f}" if is_drawn and abs(score) < _WIDE else f"{score:.6g}"] if score is not None else []
        texts += [f"no answer ({row['refused']})"] if row["refused"] is not None else []
        texts += [_cut(decision)] if decision is not None else []
        at = score if is_drawn else 0.0
        yield {"side": row["side"], "score": at, "text": "  ".join(texts)}


def _share_rows(rows: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield both bars of each feature that is drawn, then those of all others together."""
    known = [row for row in rows.iter_rows(named=True) if row["contribution"] is not None]
    known.sort(key=lambda row: (not row["is_changed"], -max(map(abs, _pair(row))), row["feature"]))
    drawn, others = known[:_MOST], known[_MOST:]
    parts = [(_label(row), _pair(row)) for row in drawn]
    if others:
        sums = tuple(map(sum, zip(*map(_pair, others), strict=False)))
        parts.append((f"all other features ({len(others)})", sums))
    used: set[str] = set()
    for order, (label, pair) in enumerate(parts):
        name = label if label not in used else f"{label} ({order})"
        used.add(name)
        for side, share in zip((_ORIGINAL, _CHANGED), pair, strict=False):
            after = max(share, 0.0)
            yield {"label": name, "order": order, "side": side, "share": share, "after": after, "text": _signed(share)}


def _pair(row: Mapping[str, Any]) -> tuple[float, ...]:
    """Return both contributions; the original's alone where the other is not of the same output."""
    first, second = row["contribution"], row["changed_contribution"]
    return (first,) if row["difference"] is None else (first, second)


def _label(row: Mapping[str, Any]) -> str:
    unit = f" {row['unit']}" if row["unit"] else ""
    said = f"{_cut(row['feature'])} = {_cut(row['value'])}{unit}"
    return f"{_MARK} {said} (was {_cut(row['recorded'])})" if row["is_changed"] else said


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def _signed(value: float) -> str:
    return f"{value:+,.3f}".replace("-", _MINUS) if abs(value) < _WIDE else f"{value:+.4g}".replace("-", _MINUS)
