"""Before and after: the bins of one column in some windows beside the reference, and what chance alone would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.theme import ACCENT, INK, MUTED, WIDTH, altair, dressed, expect_columns, inline

if TYPE_CHECKING:
    from altair import Chart

__all__ = ["distribution"]

_NEEDED = ("bin", "order", "reference_share", "window_share", "reference_rows", "window_rows")
_OPTIONAL = {
    "lower": pl.Float64,
    "upper": pl.Float64,
    "chance_low": pl.Float64,
    "chance_high": pl.Float64,
    "note": pl.String,
}
#: Of a bin whose share chance allows, and of one whose share it does not: they differ in lightness.
_CALM, _MOVED = "#9dbbd8", ACCENT
#: Of a bin of which chance is not known, beside others of which it is.
_UNKNOWN = "#b8c2cc"
_BAND = "#e4e8ec"
_ROW, _BAR = 25, 13
_SHARE, _WITHIN, _BEYOND = "share of the window", "share of the window, within chance", "beyond chance"
#: Fewer bins than this are named in the subtitle when they are new or gone.
_MOST_NAMED = 4


def distribution(bins: pl.DataFrame, *, column: str = "", window: str = "", reference: str = "") -> Chart:
    """Draw the bins of some windows beside the reference's, as shares of their rows, over what chance allows.

    Parameters
    ----------
    bins
        ``Drift.bins(column, window_start)``: ``bin``, ``order``, ``reference_share``, ``window_share`` and the rows of
        both; or ``audit_lab.monitor.beside.window_bins(drift, column, since, until)``, with what chance allows, the
        edges, and which categories are new or gone.
    column, window, reference
        What the bins are of, for title and subtitle.

    Raises
    ------
    MisuseError
        A column of the frame is missing, or it has no rows.
    """
    expect_columns(bins, _NEEDED, "the distribution")
    alt = altair()
    added = [pl.lit(None, dtype=kind).alias(name) for name, kind in _OPTIONAL.items() if name not in bins.columns]
    whole = bins.with_columns(pl.col("reference_share", "window_share").fill_null(0.0), *added).with_columns(
        pl.col("chance_low", "chance_high").fill_nan(None)
    )
    known = whole["chance_low"].null_count() < whole.height
    numeric = whole["lower"].null_count() + whole["upper"].null_count() < 2 * whole.height
    ordered = whole.sort("order") if numeric or "note" not in bins.columns else _by_share(whole)
    rows = [_told(row) for row in ordered.iter_rows(named=True)]
    names = [row["bin"] for row in rows]
    top = max(max(row["window"], row["reference"], row["chance_high"] or 0.0) for row in rows) or 1.0
    base = alt.Chart(inline(rows)).properties(width=WIDTH - 190, height=max(_ROW * len(rows), 50))
    axis = alt.Axis(domain=False, ticks=False, labelPadding=8)
    scale = alt.Scale(domain=[0, top * 1.12], nice=False)
    y = alt.Y("bin:N", sort=names, title=None, axis=axis)
    x = {"title": "Share of rows", "scale": scale, "axis": alt.Axis(format="%", tickCount=6, domain=False)}
    tooltip = [
        alt.Tooltip("bin:N"),
        alt.Tooltip("edges:N", title="values"),
        alt.Tooltip("window_text:N", title="window"),
        alt.Tooltip("reference_text:N", title="reference"),
        alt.Tooltip("chance:N", title="chance allows"),
    ]
    colours = {_WITHIN: _CALM, _BEYOND: _MOVED} if known else {}
    if any(row["called"] == _SHARE for row in rows):
        colours[_SHARE] = _UNKNOWN if known else _MOVED
    colour = alt.Color(
        "called:N",
        scale=alt.Scale(domain=list(colours), range=list(colours.values())),
        legend=alt.Legend(title=None, symbolType="square", symbolSize=130),
    )
    layers = []
    if known:
        layers.append(
            base.transform_filter("isValid(datum.chance_low)")
            .mark_bar(height=_ROW - 4, color=_BAND)
            .encode(x=alt.X("chance_low:Q", **x), x2="chance_high:Q", y=y, tooltip=tooltip)
        )
    layers.append(
        base.mark_bar(height=_BAR, cornerRadiusEnd=1.5).encode(
            x=alt.X("window:Q", **x), y=y, color=colour, tooltip=tooltip
        )
    )
    for colour_of, thick in (("#ffffff", 5.0), (INK, 2.4)):
        tick = base.mark_tick(color=colour_of, thickness=thick, height=_ROW - 6, opacity=1)
        layers.append(tick.encode(x=alt.X("reference:Q", **x), y=y, tooltip=tooltip))
    layers.append(
        base.mark_text(align="left", dx=6, fontSize=10, color=MUTED).encode(x=alt.X("end:Q", **x), y=y, text="shown:N")
    )
    return dressed(
        alt.layer(*layers),
        f"{column}: before and after" if column else "Before and after",
        [
            f"Window: {window + ', ' if window else ''}{int(bins['window_rows'].sum()):,} rows",
            f"Black line: the reference, {reference or format(int(bins['reference_rows'].sum()), ',') + ' rows'}",
            "Grey: where all bins of 95 % of windows of so many rows lie by chance" if known else "",
            _named(ordered),
        ],
    )


def _by_share(bins: pl.DataFrame) -> pl.DataFrame:
    """Return categories with the largest share first; those for what has no name of its own stay last."""
    return bins.with_columns(
        special=pl.col("bin").is_in(["(other)", "(new)", "(missing)"]),
        larger=pl.max_horizontal("reference_share", "window_share"),
    ).sort(
        "special",
        pl.when("special").then(-pl.col("order")).otherwise(pl.col("larger")),
        "order",
        descending=[False, True, False],
    )


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """Return a bin as it is drawn, with its texts."""
    low, high = row["chance_low"], row["chance_high"]
    beyond = low is not None and not low <= row["window_share"] <= high
    note = {"new": "new", "gone": "gone", "outside": "beyond the reference's range"}.get(row["note"] or "")
    ends = [f"above {row['lower']:.10g}"] if row["lower"] is not None else []
    ends += [f"up to {row['upper']:.10g}"] if row["upper"] is not None else []
    return {
        "bin": row["bin"],
        "window": row["window_share"],
        "reference": row["reference_share"],
        "chance_low": low,
        "chance_high": high,
        "end": max(row["window_share"], row["reference_share"], high or 0.0),
        "called": _SHARE if low is None else _BEYOND if beyond else _WITHIN,
        "shown": f"{_percent(row['window_share'])}{', ' + note if note else ''}",
        "edges": ", ".join(ends),
        "window_text": f"{row['window_rows']:,} rows, {_percent(row['window_share'])}",
        "reference_text": f"{row['reference_rows']:,} rows, {_percent(row['reference_share'])}",
        "chance": "" if low is None else f"{_percent(low)} to {_percent(high)}",
    }


def _percent(share: float) -> str:
    if not share:
        return "none"
    return "< 0.1 %" if share < 0.001 else f"{share * 100:.1f} %"  # noqa: PLR2004 - what one decimal can show


def _named(bins: pl.DataFrame) -> str:
    """Name the bins that are new or gone."""
    said = []
    for note, word in (("gone", "Gone"), ("new", "New")):
        names = bins.filter(pl.col("note") == note)["bin"].to_list()
        if names:
            more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            said.append(f"{word}: {', '.join(names[:_MOST_NAMED])}{more}")
    return "; ".join(said)
