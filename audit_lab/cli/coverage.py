"""Commands about what a log can show at all: coverage, and which version was in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.cli.written import Picture, check_picture, draw
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.replay.coverage import Coverage
    from audit_lab.replay.registry import InForce

__all__ = ["register"]

_MOST_ROWS = 60


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (coverage, in_force):
        app.command()(reads_a_log(command))


def coverage(
    reading: Reading,
    every: Annotated[str, typer.Option("--every", help="Window: 1d, 1w or 1mo.")] = "1w",
    ids: Annotated[
        str | None, typer.Option("--ids", help="Print the ids behind a code, such as inputs-missing, one a line.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="With --ids: only of this model.")] = None,
    version: Annotated[str | None, typer.Option("--version", help="With --ids: only of this version.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="With --ids: at most so many.")] = None,
    picture: Picture = None,
    as_json: AsJson = False,
) -> int:
    """Say which predictions can be reconstructed and replayed, by version and week; why others cannot; what is lost.

    No model is run. `--ids` takes any code that is shown, and replayable, not-replayable, reconstructable or
    not-reconstructable. Exits 1 when something cannot be replayed, is lost, or when there is no prediction.
    """
    check_picture(picture)
    if ids is None and (model, version, limit) != (None, None, None):
        raise MisuseError("--model, --version and --limit choose ids", "Give --ids CODE with them.")
    stated = reading.open().coverage(every)
    chosen = None if ids is None else stated.ids(ids, model, version, limit).to_list()
    drawn = None if picture is None else _drawn(stated, picture)
    if as_json:
        output.print_json({**stated.to_dict(), **({} if chosen is None else {"ids": chosen})})
    elif chosen is not None:
        output.lines(("-" if one is None else one for one in chosen), bullet="")
    else:
        _show(stated)
        output.lines([drawn] if drawn else [], bullet="")
    whole = 0 < stated.predictions == stated.replayable and not stated.lost and stated.unread.is_empty()
    return int(not whole)


def in_force(
    reading: Reading,
    model: Annotated[str, typer.Argument(help="The model's name.")],
    at: Annotated[str, typer.Option("--at", help="The moment: a date or time (UTC).")],
    environment: Annotated[str | None, typer.Option("--environment", help="Where; anywhere without it.")] = None,
    recorded: Annotated[
        str | None, typer.Option("--recorded", help="The version that a prediction of that moment states.")
    ] = None,
    as_known_on: Annotated[
        str | None, typer.Option("--as-known-on", help="Only what the log had learned by the end of this day.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Say which versions of a model deployments put in force at a moment: where, with what share, by whom and why.

    Exits 1 when none was, when the recorded version is not among them, or when deployments contradict themselves.
    """
    found = reading.open().version_in_force(model, at, environment, recorded=recorded, as_known_on=as_known_on)
    if as_json:
        output.print_json(found.to_dict())
    else:
        _show_in_force(found)
    return int(not found.versions or found.agrees is False or bool(found.findings))


def _show(stated: Coverage) -> None:
    output.lines(stated.summary(), bullet="")
    if stated.predictions:
        output.title("By version")
        names = ("model", "version", "predictions", "reconstructable", "replayable")
        counted = stated.versions.select("model_name", "model_version", *names[2:])
        output.table(names, counted.iter_rows())
    if stated.reasons.height:
        output.title("What cannot be replayed")
        columns = ("window_start", "model_version", "code", "predictions", "reconstructable", "first_id")
        shown = stated.reasons.select(columns).sort("window_start", "model_version", "code", nulls_last=True)
        output.table(("from", *columns[1:-1], "first id"), shown.head(_MOST_ROWS).iter_rows(), keep=("first id",))
        if shown.height > _MOST_ROWS:
            output.line(f"{shown.height - _MOST_ROWS:,} more rows: --json gives all, --every 1mo fewer.")
        output.line("audit-lab coverage --ids CODE lists all ids behind a code.")


def _show_in_force(found: InForce) -> None:
    output.line(found.statement)
    if found.candidates:
        names = ("version", "slot", "environment", "endpoint", "share", "since", "until", "by", "why")
        output.table(
            names,
            (
                (
                    one.model_version,
                    one.slot,
                    one.environment,
                    one.endpoint,
                    one.share,
                    one.since,
                    one.until,
                    one.actor,
                    one.reason,
                )
                for one in found.candidates
            ),
        )


def _drawn(stated: Coverage, picture: str) -> str:
    from audit_lab import charts

    return draw(charts.coverage_chart(stated.weeks, stated.reasons, stated.sequence_gaps), picture)
