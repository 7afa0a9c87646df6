"""The command that looks for personal columns without a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson

if TYPE_CHECKING:
    from audit_lab.capture.redaction.linter import PersonalColumns

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(lint)


def lint(
    source: Annotated[str, typer.Argument(help="A log's folder, or a file: Parquet, CSV or JSON lines.")],
    redaction: Annotated[
        str | None, typer.Option("--redaction", help="The TOML file with a rule for each personal column.")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", help="Rows of each table that are looked at.")] = 10_000,
    as_json: AsJson = False,
) -> int:
    """Warn of columns that seem personal, by name or by value, and have no rule in a redaction.

    No value is ever shown. Exits 1 where there is such a column, and proposes a rule for each; `keep` is one.
    """
    from audit_lab.capture.redaction.linter import lint_personal

    with output.waiting("lint"):
        found: PersonalColumns = lint_personal(source, redaction=redaction, rows=rows)
    if as_json:
        output.print_json(found.to_dict())
    else:
        for line in found.summary():
            output.line(line)
        if found.findings:
            output.line("Proposed, to be thought over, for the table [columns] of a redaction:")
            for line in found.to_toml().splitlines():
                output.line(line)
    return 1 if found.findings else 0
