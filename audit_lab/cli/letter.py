"""The command that answers a letter: which decisions it may speak of."""

from __future__ import annotations

from typing import Annotated

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log

__all__ = ["register"]

_SHOWN = ("matches", "place", "local time", "decision", "version", "why")


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(reads_a_log(letter))


def letter(
    reading: Reading,
    customer: Annotated[
        str | None, typer.Option("--customer", help="The customer number, as the letter gives it; needs --key.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="Or the pseudonym itself, as it stands in subject_id.")
    ] = None,
    around: Annotated[
        str | None, typer.Option("--around", help='A date, or a rough local time like "2015-07-06 09:00".')
    ] = None,
    zone: Annotated[
        str | None, typer.Option("--zone", help="The zone in which it is local, like America/New_York.")
    ] = None,
    within: Annotated[str, typer.Option("--within", help="How far off the time may be: 30m, 2h, 1d, 1w.")] = "2h",
    amount: Annotated[
        str | None, typer.Option("--amount", help="Any amount: compared with every numeric input, also rounded.")
    ] = None,
    decision: Annotated[
        str | None, typer.Option("--decision", help="What was decided, in the word that the letter uses.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only decisions of this model.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Show at most this many.")] = 20,
    key: Annotated[
        str | None, typer.Option("--key", help="File of the pseudonym key; default: $AUDIT_LAB_PSEUDONYM_KEY.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Find the decisions that a letter may speak of, and say of each why it matches and what does not.

    Candidates are ordered by how many of the clues they match, then by nearness to the time given. Where the customer
    is in the log, only that customer's decisions are shown. Exits 1 when nothing matches.
    """
    found = reading.open().letter(
        customer,
        subject=subject,
        around=around,
        zone=zone,
        within=within,
        amount=amount,
        decision=decision,
        model=model,
        limit=limit,
        key=key,
    )
    if as_json:
        output.print_json(found.to_dict())
    else:
        rows = [
            (
                f"{each.matches} of {len(found.asked)}",
                each.place,
                each.local_time,
                each.decision,
                each.model_version,
                each.why,
            )
            for each in found.candidates
        ]
        if rows:
            output.table(_SHOWN, rows, keep=("place",))
        output.lines(found.summary(), bullet="")
    return int(not found.candidates)
