"""The command that says what changed between two bundles, or two states of a case."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(diff)


def diff(
    before: Annotated[str, typer.Argument(help="The one that came first: a bundle, or the folder of a case.")],
    after: Annotated[str, typer.Argument(help="The other one.")],
    trust: Annotated[
        list[str] | None, typer.Option("--trust", help="Trust file: the keys that you accept; may be repeated.")
    ] = None,
    ignore_times: Annotated[
        bool,
        typer.Option("--ignore-times", help="Exit 0 where nothing changed but times, and the pages that show them."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Say what changed from one evidence bundle to another, by meaning: question, exhibits, findings, cells, packages.

    The verdict of each is stated, and a bundle that does not hold is compared all the same; nothing of either is
    extracted or run. Exits 0 where both say the same, 1 where they differ, 2 where one of them cannot be compared.
    """
    import audit_lab as al

    with output.waiting("diff"):
        found = al.diff(before, after, trust)
    if as_json:
        output.print_json(found.to_dict())
    else:
        output.lines([str(found.before), str(found.after)], bullet="")
        for part, changes in groupby(found.changes, key=lambda change: change.part):
            output.title(part[0].upper() + part[1:])
            for change in changes:
                output.lines([str(change)])
                output.lines(change.details, bullet="    ")
        if found.equal:
            output.line("Nothing changed.")
        if found.not_compared:
            output.title("Not compared")
            output.lines(found.not_compared)
    return 0 if found.equal or (ignore_times and found.only_times) else 1
