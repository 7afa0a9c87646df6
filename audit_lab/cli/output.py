"""What the commands print: tables by rich for people, JSON for programs. Text from a log is never markup."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from audit_lab.errors import AuditLabError
from audit_lab.log.files.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.progress import TaskID

    from audit_lab.seal.report import Verification

__all__ = [
    "AsJson",
    "bar",
    "checking",
    "close",
    "facts",
    "for_whoever_reads",
    "line",
    "lines",
    "print_json",
    "show_verification",
    "table",
    "title",
    "waiting",
]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

_MEGABYTE = 1_000_000
_FILES = "files"
_UNITS = {_FILES: "files, MB"}
#: A longer value is cut, and its length said; ``--json`` gives all of it.
_LONGEST = 1_000
_TYPED = "prompt"
_VERDICT_STYLES = {
    "EXACT": "green",
    "WITHIN_TOLERANCE": "green",
    "DIVERGED": "red",
    "UNREPLAYABLE": "yellow",
    "VERIFIED": "green",
    "UNANCHORED": "yellow",
    "STALE": "yellow",
    "FAILED": "red",
    "REFUSED": "red",
    "ok": "green",
    "missing": "yellow",
    "stable": "green",
    "moderate": "yellow",
    "major": "red",
}


def _console() -> Console:
    """Return a console on today's standard output, as wide as the terminal, or wide enough for ids where it is none."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else 140)


def _text(value: Any) -> Text:
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, datetime):
        return Text(f"{value:%Y-%m-%d %H:%M:%S}")
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    shown = printable(text, _LONGEST)
    return Text(shown, style=_VERDICT_STYLES.get(shown, ""))


def title(text: str) -> None:
    """Print a heading."""
    console = _console()
    console.print()
    console.print(_text(text), style="bold")


def line(text: str) -> None:
    """Print one line of text."""
    _console().print(_text(text))


def lines(texts: Iterable[str], bullet: str = "- ") -> None:
    """Print a list."""
    for text in texts:
        line(bullet + text)


def facts(pairs: dict[str, Any]) -> None:
    """Print names and values side by side."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs.items():
        grid.add_row(Text(printable(name, _LONGEST)), _text(value))
    _console().print(grid)


def table(names: Sequence[str], rows: Iterable[Sequence[Any]], keep: Sequence[str] = ()) -> None:
    """Print a table; columns named in `keep` are never cut or folded, so that ids can be copied."""
    grid = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        grid.add_column(
            Text(printable(name, _LONGEST)),
            no_wrap=name in keep,
            overflow="fold",
            min_width=36 if name in keep else None,
        )
    for row in rows:
        grid.add_row(*(_text(value) for value in row))
    _console().print(grid)


def print_json(document: Any) -> None:
    """Print a document as JSON in ASCII, so that no text in it speaks to the terminal; times as ISO 8601."""
    from audit_lab.case.plain_json import plain_json

    sys.stdout.write(json.dumps(plain_json(document), indent=1, allow_nan=False) + "\n")


@contextmanager
def for_whoever_reads() -> Iterator[None]:
    """Print what does not change the exit code, which is known already, where whoever reads it has left."""
    try:
        yield
    except (BrokenPipeError, SystemExit):  # rich turns the one into the other
        close()


def close() -> None:
    """Let what is left of the output go nowhere, so that the interpreter does not try to write it once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Bar(Progress):
    """A progress bar in whose place nothing else shows how far a question is."""

    _alone = ExitStack()

    def add_task(self, description: str, *given: Any, **named: Any) -> TaskID:
        """Add a line, whose description may be a name of the log."""
        return super().add_task(printable(description), *given, **named)

    def update(self, task_id: TaskID, **said: Any) -> None:
        """Change a line, whose description may be a name of the log."""
        if said.get("description") is not None:
            said["description"] = printable(said["description"])
        super().update(task_id, **said)

    def start(self) -> None:
        """Show it."""
        from audit_lab.face.progress import shown_elsewhere

        self._alone = ExitStack()
        self._alone.enter_context(shown_elsewhere())
        super().start()

    def stop(self) -> None:
        """Take it away."""
        super().stop()
        self._alone.close()


def bar() -> Progress:
    """Return a progress bar with an estimate, on standard error; silent where that is not a terminal."""
    return _Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )


@contextmanager
def waiting(what: str, passphrase: str | None = None) -> Iterator[None]:
    """Show, after a second, what is being waited for, and for how long by now; not over a passphrase that is typed."""
    from audit_lab.face.progress import shown_while

    with nullcontext() if passphrase == _TYPED else shown_while(what):
        yield


@contextmanager
def checking(path: str) -> Iterator[Callable[[str, int], None]]:
    """Show how far the check of a log is, in megabytes of files and in rows; yield what is called as they are done."""
    totals = _sizes(path)
    with bar() as progress:
        tasks: dict[str, TaskID] = {}

        def advance(what: str, count: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(_UNITS.get(what, what), total=totals.get(what))
            progress.update(tasks[what], advance=count / _MEGABYTE if what == _FILES else count)

        yield advance


def _sizes(path: str) -> dict[str, float]:
    """Return what a check will have to go through, by the manifest; nothing where it cannot be told beforehand."""
    if not sys.stderr.isatty():
        return {}
    from audit_lab.log.store import open_store

    try:
        manifest = open_store(path).manifest
    except AuditLabError:
        return {}
    files = [file for table in manifest.tables.values() for file in table] if manifest else []
    return {_FILES: sum(file.size_bytes for file in files) / _MEGABYTE, "rows": sum(file.rows for file in files)}


def show_verification(report: Verification) -> None:
    """Print a verification: verdict, findings, what was checked, what was not, and its anchors."""
    title(report.subject)
    line(str(report.verdict))
    if report.findings:
        names = ("code", "file", "meaning", "next step")
        table(names, [(found.code, found.file, found.meaning, found.next_step) for found in report.findings])
    for heading, texts in (
        ("Checked", report.checked),
        ("Not checked", report.not_checked),
        ("Signed by", report.signers),
        ("Anchors", report.anchors or ("none: whoever holds the key could have made all of it today",)),
        ("Note", report.notes),
    ):
        if texts:
            title(heading)
            lines(texts)
