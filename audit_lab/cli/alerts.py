"""Commands about alerts that were raised: list them, take one on, close one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.keep import Passphrase, VaultPath
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.cli.watch import RecordPath, Write
from audit_lab.cli.written import Picture, check_picture, draw
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    import polars as pl

    from audit_lab.monitor.alerts.entry import Entry

__all__ = ["register"]

_SHOWN = ("id", "state", "severity", "rule", "column", "first_seen", "last_seen", "windows", "value", "conclusion")
_STATES = ("open", "acknowledged", "closed", "all")

LogFolder = Annotated[str, typer.Argument(metavar="LOG", help="The audit log.")]
AlertId = Annotated[str, typer.Argument(help="The alert's id, or the first eight digits of it or more.")]
Role = Annotated[str, typer.Option("--role", help="As what, like model risk.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="List the alerts of a log, take one on, or close one.", no_args_is_help=True)
    group.command("list")(reads_a_log(list_alerts))
    group.command("acknowledge")(reads_a_log(acknowledge))
    group.command("close")(reads_a_log(close))
    app.add_typer(group, name="alerts")


def list_alerts(
    reading: Reading,
    log_folder: LogFolder,
    state: Annotated[str, typer.Option("--state", help="open, acknowledged, closed or all.")] = "all",
    in_log: Annotated[
        bool, typer.Option("--in-log", help="Count those in the log itself, too: a log of your own.")
    ] = False,
    record: RecordPath = None,
    picture: Picture = None,
    as_json: AsJson = False,
) -> int:
    """List every alert that was raised, with its state, which follows from what was recorded of it.

    An alert that goes on over adjoining windows is one line, by the window where it was worst; --json has every window.
    """
    if state not in _STATES:
        raise MisuseError(f"--state is {state!r}", f"Use one of {', '.join(_STATES)}.")
    check_picture(picture)
    found = reading.at(log_folder).open().alerts(write=in_log, record=record)
    table, windows = (frame if state == "all" else frame.filter(state=state) for frame in (found.table, found.windows))
    drawn = _drawn(windows, picture)
    if as_json:
        output.print_json(found.to_dict())
    else:
        output.lines(found.summary(), bullet="")
        output.table(_SHOWN, list(table.select(_SHOWN).iter_rows()), keep=("id",))
        output.lines([drawn] if drawn else [], bullet="")
    return 0


def acknowledge(
    reading: Reading,
    log_folder: LogFolder,
    alert: AlertId,
    role: Role,
    reason: Annotated[str, typer.Option("--reason", help="What will be done.")] = "",
    write: Write = False,
    record: RecordPath = None,
    vault: VaultPath = None,
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """Record that somebody (--actor) takes an alert on; it stands until it is closed."""
    log = reading.at(log_folder).open()
    given: dict[str, Any] = {"write": write, "record": record, "vault": vault, "passphrase": passphrase}
    entry = log.acknowledge(alert, actor=_actor(reading), role=role, reason=reason, **given)
    return _said(entry, f"{entry.alerts[0]} is acknowledged.", as_json=as_json)


def close(
    reading: Reading,
    log_folder: LogFolder,
    alert: AlertId,
    role: Role,
    conclusion: Annotated[str, typer.Option("--conclusion", help="Like no action, false alarm, retrain or roll back.")],
    reason: Annotated[str, typer.Option("--reason", help="On what grounds.")],
    although: Annotated[
        str | None, typer.Option("--although", help="Why it is closed although it still fires, or cannot be measured.")
    ] = None,
    evidence: Annotated[
        list[str] | None, typer.Option("--evidence", help="A digest or a document's name; may be repeated.")
    ] = None,
    write: Write = False,
    record: RecordPath = None,
    vault: VaultPath = None,
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """Close an alert by a re-validation: its rule is evaluated anew, and the record says what it saw.

    An alert that still fires is closed only if --although says why.
    """
    log = reading.at(log_folder).open()
    given: dict[str, Any] = {"write": write, "record": record, "vault": vault, "passphrase": passphrase}
    given |= {"although": although, "evidence": evidence or (), "conclusion": conclusion, "reason": reason}
    review = log.revalidate(alert, actor=_actor(reading), role=role, **given)
    if as_json:
        output.print_json(review.to_dict())
    else:
        output.lines(review.summary(), bullet="")
    return 0


def _drawn(windows: pl.DataFrame, picture: str | None) -> str | None:
    """Draw the alerts over time where a picture is asked for; of none there is none, and that is said."""
    if picture is None:
        return None
    if windows.is_empty():
        return "No alert, so no picture was drawn."
    from audit_lab import charts

    return draw(charts.alert_timeline(windows), picture)


def _actor(reading: Reading) -> str:
    if reading.actor is None:
        raise MisuseError("nobody says who does this", "Give --actor and --purpose: they stand in the record.")
    return reading.actor


def _said(entry: Entry, sentence: str, *, as_json: bool) -> int:
    if as_json:
        output.print_json({"kind": entry.kind, "digest": entry.digest, "payload": dict(entry.payload)})
    else:
        output.line(sentence)
    return 0
