"""Commands that ask a log: show, find and drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.drift_picture import check_chart, draw_drift
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.cli.written import Picture, check_picture
from audit_lab.errors import MisuseError
from audit_lab.face.document import overridden

if TYPE_CHECKING:
    from audit_lab.monitor.multivariate import MultivariateDrift

__all__ = ["register", "show_decision"]

_SHOWN = ("occurred_at", "model_version", "decision", "decision_rule")
_MEASURES = (
    "window_start",
    "column",
    "rows",
    "psi",
    "js_distance",
    "ks",
    "wasserstein",
    "q_value",
    "missing_rate",
    "verdict",
)
_TOGETHER = (
    "window",
    "rows",
    "reconstruction_error",
    "reconstruction_p_value",
    "auc",
    "auc_p_value",
    "q_value",
    "verdict",
)

Since = Annotated[str | None, typer.Option("--since", help="From this date or time on (UTC).")]
Until = Annotated[str | None, typer.Option("--until", help="Before this date or time (UTC).")]
Model = Annotated[str | None, typer.Option("--model", help="The model, where the log has several.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (show, find, drift):
        app.command()(reads_a_log(command))


def show(
    reading: Reading,
    prediction_id: Annotated[
        str | None, typer.Argument(help="A prediction's id or place; without it, the log.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show a log, or one decision with everything the log knows about it.

    A decision comes with its inputs, the version it states and the version in force, lineage, approvals, events,
    outcomes, overrides, every finding, and every gap with its effect. Where an id stands in several places, ask for
    `ID@SEGMENT:ROW`. For many decisions, or all about one subject, see `audit-lab decisions`.
    """
    opened = reading.open()
    document: dict[str, Any] = opened.describe() if prediction_id is None else opened.decision(prediction_id).to_dict()
    if as_json:
        output.print_json(document)
    elif prediction_id is None:
        _show_log(document)
    else:
        show_decision(document)
    return 0


def _show_log(document: dict[str, Any]) -> None:
    output.title(document["origin"])
    output.facts(
        {
            "description": document["description"],
            "from": document["first_time"],
            "to": document["last_time"],
            "models": ", ".join(document["models"]),
        }
    )
    output.table(("table", "rows"), [(name, f"{rows:,}") for name, rows in document["tables"].items()])
    if document["notes"]:
        output.title("Know this")
        output.lines(document["notes"])


def show_decision(document: dict[str, Any]) -> None:
    """Print a decision as `Decision.to_dict` gives it."""
    output.title(f"{document['decision']}  (prediction {document['prediction_id']})")
    output.facts(
        {
            "when": document["occurred_at"],
            "score": document["score"],
            "threshold": document["threshold"],
            "rule": document["decision_rule"],
            "version": f"{document['model_name']} {document['stated_version'] or '(not stated)'}",
            "in force": document["in_force"]["statement"],
            "artifact": document["artifact_sha256"],
            "outcome": (document["outcome"] or {}).get("label"),
            "overridden": overridden(document),
            "final decision": document["final_decision"],
            "place": document["place"],
        }
    )
    if document["inputs"]:
        output.title("Inputs")
        output.table(("feature", "value", "unit"), [(i["feature"], i["value"], i["unit"]) for i in document["inputs"]])
    if document["findings"]:
        output.title("Findings")
        output.lines(f"{found['code']}: {found['what']}" for found in document["findings"])
    if document["gaps"]:
        output.title("Gaps")
        output.lines(f"{gap['code']}: {gap['what']} {gap['effect']}" for gap in document["gaps"])
    for heading, rows in (
        ("Overrides", document["overrides"]),
        ("Outcomes, latest first", document["outcomes"] if len(document["outcomes"]) > 1 else []),
        ("Explanations of record", document["explanations"]),
        ("Deployments at that moment", document["deployments"]),
        ("Approvals of this version", document["approvals"]),
        ("Events within 14 days", document["events"]),
        ("Lineage", document["lineage"]),
        ("Runs", document["runs"]),
        ("Data sets", document["datasets"]),
        ("Feature sources", document["feature_sources"]),
    ):
        if rows:
            output.title(heading)
            output.table(tuple(rows[0]), [tuple(row.values()) for row in rows])


def find(
    reading: Reading,
    expression: Annotated[
        str | None, typer.Argument(help="For example: \"inputs.distance_miles > 500 AND decision = 'late'\".")
    ] = None,
    since: Since = None,
    until: Until = None,
    model: Model = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most this many.")] = 20,
    as_json: AsJson = False,
) -> int:
    """Find predictions by an expression and a time range.

    The expression is SQL over the columns of predictions and `inputs.FEATURE`; it is parsed, never evaluated as code.
    Exits 1 when nothing matches.
    """
    import polars as pl

    found = reading.open().find(expression, since=since, until=until, model=model)
    shown = found.head(limit).with_columns(score=pl.col("outputs").struct.field("score"))
    if as_json:
        output.print_json({"matches": found.height, "shown": shown.height, "predictions": shown.to_dicts()})
    else:
        names = ("prediction_id", *_SHOWN, "score")
        output.table(names, shown.select(names).iter_rows(), keep=("prediction_id",))
        output.line(f"{found.height:,} match; {shown.height} shown.")
    return int(found.is_empty())


def drift(
    reading: Reading,
    columns: Annotated[
        str | None, typer.Option("--columns", help="Comma-separated; all inputs, score, decision.")
    ] = None,
    every: Annotated[str, typer.Option("--every", help="Window: 1h, 1d, 1w, 1mo, or version.")] = "1w",
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            help="FROM..TO, like 2015-01-01..2015-03-01, rolling:4, or a Parquet file; the first eight weeks.",
        ),
    ] = None,
    zone: Annotated[str, typer.Option("--zone", help="IANA zone whose calendar cuts days, weeks and months.")] = "UTC",
    around: Annotated[
        str | None, typer.Option("--around", help="A decision's id or a time: count windows from it.")
    ] = None,
    before: Annotated[str, typer.Option("--before", help="How much before it, like 4w, 10d or 36h.")] = "4w",
    after: Annotated[str, typer.Option("--after", help="How much from it on.")] = "0d",
    false_alarms: Annotated[
        float, typer.Option("--false-alarms", help="How often rows without drift may raise any alert.")
    ] = 0.05,
    seed: Annotated[int, typer.Option("--seed", help="Of the resampling that calibrates this.")] = 0,
    together: Annotated[
        bool, typer.Option("--together", help="Compare rows as wholes: what no column shows alone.")
    ] = False,
    model: Model = None,
    chart: Annotated[str, typer.Option("--chart", help="With --picture: heat, ridge, bins or line.")] = "heat",
    measure: Annotated[str, typer.Option("--measure", help="With --picture: what heat and line show.")] = "psi",
    feature: Annotated[
        str | None,
        typer.Option(
            "--feature",
            help="With --chart ridge, bins or line: the column.",
            show_default="what the summary begins with",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", help="With --chart bins: a time in the window.", show_default="the farthest window"),
    ] = None,
    picture: Picture = None,
    as_json: AsJson = False,
) -> int:
    """Say since when, and in what, a model's inputs, score, labels or decisions moved.

    Compares each window with a reference, beyond chance first, then by how far: population stability index, seven other
    distances, missing values, ranges and kinds. Exits 1 when something moved by a major effect.
    """
    import polars as pl

    check_picture(picture)
    check_chart(chart)
    chosen = None if columns is None else [name.strip() for name in columns.split(",")]
    options: dict[str, Any] = {
        "every": every,
        "reference": _reference(reference),
        "model": model,
        "zone": zone,
        "around": around,
        "before": before,
        "after": after,
        "false_alarms": false_alarms,
        "seed": seed,
    }
    if together:
        return _together(reading.open().drift_together(chosen, **options), picture, as_json=as_json)
    result = reading.open().drift(chosen, **options)
    moved = result.table.filter(pl.col("verdict") == "major")
    drawn = None
    if picture is not None:
        drawn = draw_drift(result, chart, picture, measure=measure, feature=feature, at=at)
    if as_json:
        output.print_json(result.to_dict())
    else:
        output.lines(result.summary(), bullet="")
        if moved.height:
            output.title("Windows that moved")
            output.table(_MEASURES, moved.select(_MEASURES).sort("column", "window_start").iter_rows())
        output.line(f"Compared with {result.reference.description}.")
        output.lines([drawn] if drawn else [], bullet="")
    return int(moved.height > 0)


def _together(moved: MultivariateDrift, picture: str | None, *, as_json: bool) -> int:
    if picture is not None:
        raise MisuseError("rows as wholes are not drawn", "Leave out --picture, or --together.")
    if as_json:
        output.print_json(moved.to_dict())
    else:
        output.lines(moved.summary(), bullet="")
        output.title("Windows")
        output.table(_TOGETHER, moved.table.select(_TOGETHER).iter_rows())
    return int((moved.table["verdict"] == "moderate").any())


def _reference(text: str | None) -> tuple[str, str] | str | None:
    if text is None or text.startswith("rolling:") or text.endswith(".parquet"):
        return text
    since, separator, until = text.partition("..")
    if not separator:
        raise MisuseError(
            f"--reference is {text!r}",
            "Write it as FROM..TO, like 2015-01-01..2015-03-01, as rolling:4, or name a file that ends in .parquet.",
        )
    return since, until
