"""Commands that hold a model against what came true: performance, and fairness by group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.ask import Model, Since, Until
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.cli.written import Picture, check_picture, draw
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.monitor.fairness import Fairness
    from audit_lab.monitor.performance import Performance

__all__ = ["register"]

_WHOLE = "all"
_MEASURES = (*("window_start", "model_version", "known", "of", "measure"), *("value", "low", "high", "rows", "status"))
_RATES = ("grouping", "group", "measure", "value", "low", "high", "rows", "status")
_COMPARISONS = ("grouping", "comparison", "value", "low", "high", "lowest", "highest", "by_chance")
_MOST_ROWS = 80

ByVersion = Annotated[bool, typer.Option("--by-version", help="Each version apart.")]
KnownBy = Annotated[
    str | None, typer.Option("--known-by", help="By what was recorded by this time (UTC), beside what is known now.")
]
RecordedBy = Annotated[str | None, typer.Option("--known-by", help="Only what was recorded by this time (UTC).")]
Curve = Annotated[bool, typer.Option("--calibration", help="With --picture: draw the calibration curve.")]

Zone = Annotated[str, typer.Option("--zone", help="IANA zone whose calendar cuts days, weeks and months.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (performance, fairness):
        app.command()(reads_a_log(command))


def performance(
    reading: Reading,
    every: Annotated[str, typer.Option("--every", help="Window: 1h, 1d, 1w, 1mo or all.")] = "1mo",
    since: Since = None,
    until: Until = None,
    model: Model = None,
    by_version: ByVersion = False,
    known_by: KnownBy = None,
    cost: Annotated[
        str | None, typer.Option("--cost", help='What errors cost: "fp=1,fn=5"; also tp and tn, or SAID/TRUE=COST.')
    ] = None,
    positive: Annotated[
        str | None, typer.Option("--positive", help="The positive label, where the registry does not say.")
    ] = None,
    hosmer_lemeshow: Annotated[
        bool, typer.Option("--hosmer-lemeshow", help="Also test calibration with this test.")
    ] = False,
    measure: Annotated[
        str, typer.Option("--measure", help='With --picture: "OF MEASURE", like "label accuracy".')
    ] = "score auc",
    calibration: Curve = False,
    picture: Picture = None,
    zone: Zone = "UTC",
    as_json: AsJson = False,
) -> int:
    """Hold what a model said, and what was decided, against the outcomes: how good was it, window by window.

    Windows whose outcomes are still arriving are marked immature, and what can be estimated without outcomes is
    marked as an estimate. Exits 1 when nothing could be measured in any mature window.
    """
    check_picture(picture)
    found = reading.open().performance(
        every=None if every == _WHOLE else every,
        since=since,
        until=until,
        model=model,
        by_version=by_version,
        as_of=known_by,
        zone=zone,
        costs=None if cost is None else _costs(cost),
        positive=positive,
        hosmer_lemeshow=hosmer_lemeshow,
    )
    drawn = None if picture is None else _draw_performance(found, measure, picture, calibration=calibration)
    if as_json:
        output.print_json(found.to_dict())
    else:
        output.lines(found.summary(), bullet="")
        _show_measures(found)
        output.lines([drawn] if drawn else [], bullet="")
    return int(found.table.filter(known="now", status="measured").is_empty())


def fairness(
    reading: Reading,
    groups: Annotated[
        list[str], typer.Argument(help='Columns, or expressions like "inputs.age < 25", to group decisions by.')
    ],
    favourable: Annotated[str, typer.Option("--favourable", help="The decision that people want, like approve.")],
    qualified: Annotated[
        str | None,
        typer.Option(
            "--qualified",
            help="The outcome that shows that it was right.",
            show_default="the one whose label leads to the favourable decision",
        ),
    ] = None,
    of: Annotated[
        str, typer.Option("--of", help='What is counted: "final decision", decision or label.')
    ] = "final decision",
    bands: Annotated[list[str] | None, typer.Option("--bands", help='COLUMN: EDGES, like "age: 25, 40, 60".')] = None,
    every: Annotated[str, typer.Option("--every", help="Window: 1h, 1d, 1w, 1mo or all.")] = _WHOLE,
    since: Since = None,
    until: Until = None,
    model: Model = None,
    by_version: ByVersion = False,
    no_intersections: Annotated[
        bool, typer.Option("--no-intersections", help="Each grouping alone, and not all of them crossed.")
    ] = False,
    minimum: Annotated[int, typer.Option("--minimum", min=1, help="Groups with fewer rows are suppressed.")] = 10,
    known_by: RecordedBy = None,
    measure: Annotated[str, typer.Option("--measure", help="With --picture: the rate to draw.")] = "selection_rate",
    grouping: Annotated[
        str | None, typer.Option("--grouping", help="With --picture: which grouping.", show_default="the first")
    ] = None,
    picture: Picture = None,
    zone: Zone = "UTC",
    as_json: AsJson = False,
) -> int:
    """Count decisions by group and compare the groups' rates: selection, errors by outcome, calibration.

    Groups that are too small are suppressed, and others from which they could be computed. It says what differs, and
    neither why nor whether that is lawful. Exits 1 when a ratio of selection rates lies below four fifths.
    """
    check_picture(picture)
    found = reading.open().fairness(
        groups,
        favourable=favourable,
        qualified=qualified,
        of=of,
        bands=dict(_bands(text) for text in bands) if bands else None,
        every=None if every == _WHOLE else every,
        since=since,
        until=until,
        model=model,
        by_version=by_version,
        intersections=not no_intersections,
        minimum=minimum,
        as_of=known_by,
        zone=zone,
    )
    drawn = None if picture is None else _draw_groups(found, measure, grouping, picture)
    if as_json:
        output.print_json(found.to_dict())
    else:
        output.lines(found.summary(), bullet="")
        _show_groups(found)
        output.lines([drawn] if drawn else [], bullet="")
    from audit_lab.monitor.fairness.rates import FOUR_FIFTHS

    ratios = found.comparisons.filter(comparison="demographic_parity_ratio", status="measured")["value"]
    return int((ratios < FOUR_FIFTHS).any())


def _show_measures(found: Performance) -> None:
    import polars as pl

    shown = found.table.filter(pl.col("status") != "not defined").select(_MEASURES)
    output.title("Measures")
    output.table(_MEASURES, shown.head(_MOST_ROWS).iter_rows())
    if shown.height > _MOST_ROWS:
        output.line(f"{shown.height - _MOST_ROWS:,} more rows: --json gives all, --every all fewer.")


def _show_groups(found: Fairness) -> None:
    several = found.comparisons.filter(comparison=found.comparisons["comparison"][0])["window_start"].n_unique() > 1
    where = [*(["window_start"] if several else []), *(["model_version"] if found.asked.counted.by_version else [])]
    for title, frame, names in (("Rates", found.table, _RATES), ("Comparisons", found.comparisons, _COMPARISONS)):
        output.title(title)
        shown = frame.select(*where, *names)
        output.table(shown.columns, shown.head(_MOST_ROWS).iter_rows())
        if shown.height > _MOST_ROWS:
            output.line(f"{shown.height - _MOST_ROWS:,} more rows: --json gives all.")


def _draw_performance(found: Performance, measure: str, picture: str, *, calibration: bool) -> str:
    from audit_lab import charts

    if calibration:
        output_of = found.meaning.output
        curve = charts.calibration_curve(found.calibration(), positive=output_of.positive or "", model=found.model)
        return draw(curve, picture)
    of, _, name = measure.rpartition(" ")
    return draw(charts.performance_timeline(found.table, name, of=of or "score", model=found.model), picture)


def _draw_groups(found: Fairness, measure: str, grouping: str | None, picture: str) -> str:
    from audit_lab import charts

    chart = charts.group_comparison(found.table, measure, grouping=grouping, favourable=found.asked.counted.favourable)
    return draw(chart, picture)


def _costs(text: str) -> dict[Any, float]:
    found: dict[Any, float] = {}
    for part in text.split(","):
        pair, separator, cost = part.rpartition("=")
        said, slash, true = pair.strip().partition("/")
        try:
            found[(said, true) if slash else said] = float(cost)
        except ValueError as error:
            raise MisuseError(f"--cost has {part!r}", 'Write it like --cost "fp=1,fn=5".') from error
        if not separator or not said:
            raise MisuseError(f"--cost has {part!r}", 'Write it like --cost "fp=1,fn=5".')
    return found


def _bands(text: str) -> tuple[str, list[float]]:
    column, separator, edges = text.rpartition(":")
    try:
        numbers = [float(edge) for edge in edges.split(",")]
    except ValueError:
        numbers = []
    if not separator or not column.strip() or not numbers:
        raise MisuseError(f"--bands is {text!r}", 'Write it as --bands "COLUMN: EDGE, EDGE".')
    return column.strip(), numbers
