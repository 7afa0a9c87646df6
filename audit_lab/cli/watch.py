"""The command that watches a log: once, or on a schedule."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.ask import Since, Until
from audit_lab.cli.keep import Passphrase, VaultPath
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.errors import AuditLabError, IntegrityError, MisuseError
from audit_lab.log.files.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from audit_lab.monitor.alerts import Watch
    from audit_lab.monitor.alerts.raised import Raised

__all__ = ["LogArgument", "RecordPath", "Write", "register"]

_UNEVALUATED = 3
_WATCHER = "audit-lab watch"
_MOST_ROWS = 60
_LONGEST_LINE = 4_000
_SHOWN = ("severity", "state", "rule", "column", "window_start", "measure", "value", "rows", "id")
_STOPS = (signal.SIGINT, signal.SIGTERM)

LogArgument = Annotated[str | None, typer.Argument(metavar="LOG", help="The audit log; or --log.")]
RecordPath = Annotated[
    str | None,
    typer.Option("--record", help="The alerts journal's file.", show_default="one for each log, in your state folder"),
]
Write = Annotated[
    bool, typer.Option("--write", help="Keep alerts in the log itself, as events; it must be sealed, and your own.")
]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(reads_a_log(watch))


def watch(
    reading: Reading,
    log_folder: LogArgument = None,
    rules: Annotated[
        str | None,
        typer.Option(
            "--rules",
            "-r",
            help="Rule file (TOML).",
            show_default="drift from moderate on, failed predictions and jobs, volume gone",
        ),
    ] = None,
    rules_example: Annotated[
        bool, typer.Option("--rules-example", help="Print a whole rule file, and do nothing else.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="One round; so it is without --every.")] = False,
    every: Annotated[
        str | None, typer.Option("--every", help="A round every 30s, 15m, 2h or 1d, until stopped.")
    ] = None,
    since: Since = None,
    until: Until = None,
    write: Write = False,
    look_only: Annotated[bool, typer.Option("--look-only", help="Keep nothing, and tell nobody.")] = False,
    record: RecordPath = None,
    vault: VaultPath = None,
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """Watch a log: evaluate rules, keep what is new as alerts, and tell whom the rules name.

    Exits 0 when nothing fires that was not closed by a review, 1 when something does, 2 when the call was wrong, and 3
    when nothing fires but a rule, or the log, could not be evaluated: that is no silence. On a schedule only new alerts
    are shown. Nothing is written to the log unless --write says so.
    """
    if rules_example:
        from audit_lab.monitor.alerts.example import EXAMPLE

        sys.stdout.write(EXAMPLE)
        return 0
    place = reading if log_folder is None else reading.at(log_folder)
    seconds = _seconds(every, once=once)
    if look_only and (write or every is not None):
        raise MisuseError("--look-only keeps nothing", "Leave --write and --every out, or --look-only.")
    if seconds is not None and reading.is_of_the_past:
        raise MisuseError("--as-of and --every exclude each other", "What was does not change; leave one out.")
    from audit_lab.face.alert_search import rules_asked

    asked = rules_asked(rules)

    def look() -> Watch | Raised:
        log = place.open()
        if look_only:
            return log.watch(asked, since=since, until=until, record=record)
        who: dict[str, Any] = {"actor": place.actor or _WATCHER, "record": record}
        who |= {"write": write, "vault": vault, "passphrase": passphrase}
        return log.raise_alerts(asked, since=since, until=until, **who)

    if seconds is not None:
        return _on_schedule(look, seconds, as_json=as_json)
    try:
        found = look()
    except MisuseError:
        raise
    except AuditLabError as error:
        return _blind(error, as_json=as_json)
    if as_json:
        output.print_json(found.to_dict())
    else:
        _show(found)
    return _round(found).exit_code


def _seconds(every: str | None, *, once: bool) -> int | None:
    from audit_lab.monitor.alerts.rule_values import duration_s

    if every is None:
        return None
    seconds = duration_s(every)
    if once or seconds is None:
        what = "--once and --every exclude each other" if once else f"--every is {every!r}"
        raise MisuseError(what, "Write --every 15m (s, m, h or d; at most 366d), or --once.")
    return seconds


def _round(found: Watch | Raised) -> Watch:
    return found.watch if hasattr(found, "watch") else found


def _show(found: Watch | Raised) -> None:
    output.lines(found.summary(), bullet="")
    table = _round(found).table
    if table.height:
        output.table(_SHOWN, list(table.select(_SHOWN).head(_MOST_ROWS).iter_rows()))
    if table.height > _MOST_ROWS:
        output.lines([f"{table.height - _MOST_ROWS} more alerts; --json has all."], bullet="")


def _blind(error: AuditLabError, *, as_json: bool) -> int:
    """Say that nothing could be evaluated: another code than that of alerts, since whoever is blind has seen none."""
    if as_json:
        told = {"kind": type(error).__name__, "message": error.message, "next_step": error.next_step}
        output.print_json({"error": told, "exit_code": _UNEVALUATED})
    elif isinstance(error, IntegrityError):
        output.show_verification(error.report)
    _complain(error)
    return _UNEVALUATED


def _complain(error: AuditLabError) -> None:
    sys.stderr.write(f"audit-lab: not evaluated: {printable(' '.join(str(error).split()), _LONGEST_LINE)}\n")


def _on_schedule(look: Callable[[], Watch | Raised], seconds: int, *, as_json: bool) -> int:
    from audit_lab.monitor.alerts.schedule import run_rounds

    def one_round() -> int:
        found = look()
        seen = _round(found).only_new()
        if as_json:
            _print_line(found, seen)
        elif seen.alerts or seen.unevaluated:
            output.lines([f"{seen.at:%Y-%m-%d %H:%M:%S} UTC", *seen.summary()], bullet="")
        untold = [one for one in getattr(found, "deliveries", ()) if not one.sent]
        for one in untold:
            sys.stderr.write(f"audit-lab: {printable(one.summary, _LONGEST_LINE)}\n")
        sys.stdout.flush()
        return seen.exit_code

    with _stoppable() as stop:
        ended = run_rounds(one_round, seconds, clock=time.monotonic, wait=stop.wait, told=_complain)
    sys.stderr.write(f"audit-lab: stopped after {ended.rounds} rounds, {ended.failed} of them failed.\n")
    return ended.code


def _print_line(found: Watch | Raised, seen: Watch) -> None:
    from audit_lab.case.plain_json import plain_json

    told = found.to_dict() | seen.to_dict()
    sys.stdout.write(json.dumps(plain_json(told), allow_nan=False) + "\n")


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Let the first interrupt or termination end the schedule after the round that runs; a second one ends at once."""
    stop = threading.Event()

    def asked(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, asked) for number in _STOPS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
