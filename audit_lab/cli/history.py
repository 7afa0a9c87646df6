"""Commands about what was, and who looked: snapshots and journal."""

from __future__ import annotations

from typing import Annotated

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.errors import IntegrityError, MisuseError

__all__ = ["register"]

_ASKED = ("number", "at", "actor", "purpose", "question", "rows", "personal columns", "answer")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(reads_a_log(snapshots))
    app.command()(journal)


def snapshots(reading: Reading, as_json: AsJson = False) -> int:
    """List the states as of which a sealed log can be opened: when each was sealed, and what it added.

    Any command that reads takes a size or a time from this list as --as-of.
    """
    seals = reading.open().snapshots()
    if as_json:
        output.print_json(seals.to_dicts())
    else:
        output.table(
            ("size", "sealed at", "root", "what"),
            ((size, at, root[:16], what) for size, at, root, what in seals.iter_rows()),
        )
    return 0


def journal(
    path: Annotated[str | None, typer.Argument(help="The journal's file; default: that of --log.")] = None,
    log: Annotated[str | None, typer.Option("--log", "-l", help="The log whose journal is meant.")] = None,
    head: Annotated[
        str | None, typer.Option("--head", help="NUMBER:DIGEST, noted earlier: that line must still be there.")
    ] = None,
    last: Annotated[int, typer.Option("--last", "-n", min=0, help="Show at most this many lines, the newest.")] = 50,
    as_json: AsJson = False,
) -> int:
    """Show who asked what of a log, when and why, and check that the journal's chain holds.

    Note the head that is shown somewhere else: with --head a journal that was cut or rewritten is found out. Exits 1
    when the chain is broken.
    """
    from audit_lab.log.journal.record import read_journal

    try:
        record = read_journal(_file(path, log), head)
    except IntegrityError as error:
        if not as_json:
            raise
        with output.for_whoever_reads():
            output.print_json({"report": error.report.to_dict()})
        return error.exit_code
    if as_json:
        output.print_json(record.to_dict())
        return 0
    lines = record.lines[max(len(record.lines) - last, 0) :]
    output.table(
        _ASKED,
        (
            (line.number, line.at, line.actor, line.purpose, line.question, line.rows, len(line.columns), line.answer)
            for line in lines
        ),
    )
    output.show_verification(record.report)
    output.facts({"lines": len(record.lines), "head": record.head})
    return 0


def _file(path: str | None, log: str | None) -> str:
    if (path is None) == (log is None):
        raise MisuseError("a journal is named by its file, or by its log", "Give FILE, or --log FOLDER.")
    if path is not None:
        return path
    from audit_lab.log.journal.journal import journal_file
    from audit_lab.log.store import open_store

    return str(journal_file(open_store(str(log)).origin))
