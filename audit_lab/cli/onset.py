"""Commands about dates and places: since when what is otherwise, how the service ran, which segments moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from audit_lab.cli import output
from audit_lab.cli.ask import Model, Since, Until
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.cli.written import Picture, check_picture, draw
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.monitor.onset import Onset, Onsets

__all__ = ["register"]

_MOST_ROWS = 60
_ONSETS = (
    "event",
    "column",
    "statistic",
    "category",
    "at",
    "earliest",
    "latest",
    "before",
    "after",
    "p_value",
    "returned",
)
_OPERATIONS = ("window_start", "group", "rows", "failed", "error_high", "latencies", "p50_ms", "p95_ms", "p99_ms")
_FINDINGS = ("code", "start", "group", "measure", "value", "low", "high", "rows", "concerned", "query")
_SEGMENTS = ("segment", "before", "after", "mean_before", "mean_after", "contribution", "p_value", "expression")

Columns = Annotated[list[str] | None, typer.Option("--column", help="Only this column; may be repeated.")]
Zone = Annotated[str, typer.Option("--zone", help="IANA zone whose days and hours are meant.")]
Reference = Annotated[str | None, typer.Option("--reference", help='Period compared with, as "FROM..TO".')]
Seed = Annotated[int, typer.Option("--seed", help="Of the resamples.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (onset, operations, segments):
        app.command()(reads_a_log(command))


def onset(
    reading: Reading,
    column: Columns = None,
    every: Annotated[str, typer.Option("--every", help="Window: 1d or 1h.")] = "1d",
    zone: Zone = "UTC",
    since: Since = None,
    until: Until = None,
    reference: Reference = None,
    model: Model = None,
    seed: Seed = 0,
    series: Annotated[
        str | None,
        typer.Option(
            "--series",
            help='With --picture: "COLUMN: STATISTIC" or "COLUMN: share: CATEGORY".',
            show_default="the one that changed most",
        ),
    ] = None,
    picture: Picture = None,
    as_json: AsJson = False,
) -> int:
    """Say since when what is otherwise: dates of changes, each with an interval that holds it in 95 % of cases.

    Means, quantiles, missing rates, shares of categories, the number of rows, scores, decisions, errors and outcomes
    are searched by day or hour, without the pattern of the week, so that a log without any change shows one in 5 % of
    cases.
    """
    check_picture(picture)
    found = reading.open().onset(
        column, every=every, zone=zone, since=since, until=until, reference=_period(reference), model=model, seed=seed
    )
    drawn = None if picture is None else _draw_onset(found, series, picture)
    if as_json:
        output.print_json(found.to_dict())
        return 0
    output.lines(found.summary(), bullet="")
    table = found.table()
    if table.height:
        output.table(_ONSETS, list(table.select(_ONSETS).head(_MOST_ROWS).iter_rows()))
    if table.height > _MOST_ROWS:
        output.lines([f"{table.height - _MOST_ROWS} more changes; --json has all."], bullet="")
    output.lines([drawn] if drawn else [], bullet="")
    return 0


def operations(
    reading: Reading,
    every: Annotated[str, typer.Option("--every", help="Window: 1h, 1d, 1w or 1mo.")] = "1w",
    by: Annotated[str, typer.Option("--by", help="version, node, environment or endpoint.")] = "version",
    zone: Zone = "UTC",
    since: Since = None,
    until: Until = None,
    model: Model = None,
    measure: Annotated[str, typer.Option("--measure", help="With --picture: p50, p95, p99 or errors.")] = "p95",
    picture: Picture = None,
    as_json: AsJson = False,
) -> int:
    """Measure latency and errors by version or node and window, and find what failed.

    Intervals of 95 % are exact. Exits 1 when there are findings: failed predictions, failed jobs, windows with more
    errors or longer waits than the others.
    """
    check_picture(picture)
    found = reading.open().operations(every=every, by=by, zone=zone, since=since, until=until, model=model)
    drawn = None
    if picture is not None:
        from audit_lab import charts

        drawn = draw(charts.operations_lines(found.table, measure, by=by), picture)
    if as_json:
        output.print_json(found.to_dict())
        return int(bool(found.findings))
    output.lines(found.summary(), bullet="")
    output.table(_OPERATIONS, list(found.table.select(_OPERATIONS).head(_MOST_ROWS).iter_rows()))
    if found.table.height > _MOST_ROWS:
        output.lines([f"{found.table.height - _MOST_ROWS} more rows; --json has all."], bullet="")
    if found.findings:
        output.title("Findings")
        output.table(_FINDINGS, list(found.findings_table().select(_FINDINGS).head(_MOST_ROWS).iter_rows()))
    output.lines([drawn] if drawn else [], bullet="")
    return int(bool(found.findings))


def segments(
    reading: Reading,
    column: Columns = None,
    measure: Annotated[str, typer.Option("--measure", help="score: its shift; or error, by outcomes.")] = "score",
    since: Since = None,
    until: Until = None,
    reference: Reference = None,
    model: Model = None,
    single: Annotated[bool, typer.Option("--single", help="Segments of one feature only.")] = False,
    minimum: Annotated[int, typer.Option("--minimum", min=2, help="The least rows of a segment.")] = 50,
    seed: Seed = 0,
    picture: Picture = None,
    as_json: AsJson = False,
) -> int:
    """Find the segments of one feature or two in which a shift of the score, or the errors, concentrate.

    The window from --since to --until is compared with the reference, by default as long a period just before. All
    segments tried count in the p-values, so that chance gives a segment in 5 % of cases.
    """
    check_picture(picture)
    found = reading.open().segments(
        column,
        measure=measure,
        since=since,
        until=until,
        reference=_period(reference),
        model=model,
        pairs=not single,
        minimum=minimum,
        seed=seed,
    )
    drawn = None
    if picture is not None and found.leading:
        from audit_lab import charts

        drawn = draw(charts.segment_bars(found.table(), measure=measure), picture)
    if as_json:
        output.print_json(found.to_dict())
        return 0
    output.lines(found.summary(), bullet="")
    rows = list(found.table().filter("leads").select(_SEGMENTS).head(_MOST_ROWS).iter_rows())
    if rows:
        output.table(_SEGMENTS, rows)
    undrawn = ["No segment stands out, so that nothing was drawn."] if picture is not None and drawn is None else []
    output.lines([drawn] if drawn else undrawn, bullet="")
    return 0


def _period(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    begin, dots, end = (part.strip() for part in text.partition(".."))
    if not (begin and dots and end):
        raise MisuseError(f"--reference is {text!r}", 'Write it as --reference "2015-01-01..2015-03-01".')
    return begin, end


def _draw_onset(found: Onsets, series: str | None, picture: str) -> str:
    from audit_lab import charts

    column, statistic, category = _series(found) if series is None else _named(series)
    chart = charts.onset_line(found.series(column, statistic, category), found.table(), column, statistic, category)
    return draw(chart, picture)


def _series(found: Onsets) -> tuple[str, str, str | None]:
    strongest: Onset | None = max(found.onsets or found.spike_onsets, key=lambda one: one.gain, default=None)
    if strongest is not None:
        return strongest.column, strongest.statistic, strongest.category
    searched = found.searched()
    if searched.is_empty():
        raise MisuseError("there is no series to draw", "The summary says why; widen the period.")
    return searched.row(0)


def _named(text: str) -> tuple[str, str, str | None]:
    parts = [part.strip() for part in text.split(":", 2)]
    if len(parts) < 2 or not all(parts):  # noqa: PLR2004 - a column and a statistic
        raise MisuseError(f"--series is {text!r}", 'Write it as --series "COLUMN: STATISTIC".')
    return parts[0], parts[1], parts[2] if len(parts) > 2 else None  # noqa: PLR2004
