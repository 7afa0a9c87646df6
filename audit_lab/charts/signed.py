"""What raises and what lowers, in every picture of contributions: colours, words, and amounts with their sign.

What raises is dark orange, what lowers light blue: hues that colour-blind readers tell apart, with lightness that stays
apart in greyscale; the sign stands in each label besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.charts.theme import altair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altair import Color

__all__ = ["DIRECTIONS", "LEVEL", "LOWERS", "OUTLINE", "RAISES", "amount", "amount_text", "direction", "signs"]

RAISES, LOWERS, LEVEL = "#b35806", "#92c5de", "#525252"
OUTLINE = "#333333"
DIRECTIONS = ("raises", "lowers")


def amount_text(value: float) -> str:
    """Return a number with its sign and three decimals, or three digits where these would be noughts."""
    shown = f"{value:+.3f}"
    if value and not float(shown):
        shown = f"{value:+.2e}"
    return shown.replace("-", "\u2212")


def amount(column: str) -> pl.Expr:
    """Return a column as text, as `amount_text` writes it, with a true minus sign."""
    return pl.col(column).map_elements(amount_text, pl.String).alias("amount")


def direction(column: str) -> pl.Expr:
    """Return which of `DIRECTIONS` a number has; nought raises."""
    return pl.when(pl.col(column) < 0).then(pl.lit("lowers")).otherwise(pl.lit("raises")).alias("direction")


def signs(directions: Sequence[str] = DIRECTIONS, colours: Sequence[str] = (RAISES, LOWERS)) -> Color:
    """Return the encoding of the column ``direction`` by colour."""
    alt = altair()
    return alt.Color(
        "direction:N",
        scale=alt.Scale(domain=list(directions), range=list(colours)),
        legend=alt.Legend(title=None, orient="bottom"),
    )
