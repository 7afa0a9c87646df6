"""Commands that look before anything else does: doctor and adapt."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import MappingPath

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(doctor)
    app.command()(adapt)


def doctor(
    log: Annotated[str | None, typer.Option("--log", "-l", help="A log to examine too.")] = None,
    mapping: MappingPath = None,
    as_json: AsJson = False,
) -> int:
    """Check this machine, and a log, and say what will not work.

    Looks at the interpreter, the libraries, the isolation that the kernel offers to replays and, with --log, at the
    log's segments, their digests, and which predictions cannot be replayed. Exits 1 when something was found wanting.
    """
    from audit_lab.cli.examination import examine_log, examine_machine

    checks = examine_machine() + (examine_log(log, mapping) if log is not None else [])
    if as_json:
        output.print_json([check.to_dict() for check in checks])
    else:
        output.table(("", "what", "found"), [(check.state, check.what, check.found) for check in checks])
        wanting = [check for check in checks if check.next_step]
        if wanting:
            output.title("What to do")
            output.lines(f"{check.what}: {check.next_step}" for check in wanting)
    return int(any(check.state == "wanting" for check in checks))


def adapt(
    folder: Annotated[str, typer.Argument(help="A folder of Parquet files that another system wrote.")],
    save: Annotated[str | None, typer.Option("--save", help="Write the proposed mapping to this TOML file.")] = None,
    mapping: MappingPath = None,
    as_json: AsJson = False,
) -> int:
    """Propose how to read somebody else's Parquet, and report what is in it.

    Shows which column plays which role, why, and samples of it; with --save writes the mapping as TOML, to be looked
    through and edited. With --mapping reports on that mapping instead of proposing one. Nothing is changed or copied.
    """
    from audit_lab.capture.ingest import ingest_report
    from audit_lab.capture.propose import propose
    from audit_lab.log.files.durable import write_bytes
    from audit_lab.log.foreign.mapping import Mapping

    proposal = None if mapping else propose(Path(folder))
    chosen = Mapping.read(Path(mapping)) if mapping else proposal.mapping  # type: ignore[union-attr]
    report = ingest_report(Path(folder), chosen)
    if save is not None:
        write_bytes(Path(save), chosen.to_toml().encode())
    if as_json:
        proposed = proposal.to_dict() if proposal else None
        output.print_json({"proposal": proposed, "report": report.to_dict(), "saved": save})
        return 0
    if proposal:
        output.title(f"Proposed mapping of {folder}")
        output.table(
            ("role", "column", "confidence", "why", "samples"),
            [(role.role, role.column, role.level, role.why, ", ".join(role.samples[:3])) for role in proposal.roles],
        )
        output.line(f"inputs: {', '.join(chosen.inputs) or 'none'}")
        output.lines(f"left out: {left.column}: {left.why}" for left in proposal.left_out)
        output.lines(proposal.concerns)
    output.title("Ingest report")
    output.lines(report.lines())
    output.title("What follows")
    output.lines(chosen.notes())
    if save is not None:
        output.line(
            f"Saved {save}. Look it through, then: audit-lab find --log {quote(folder)} --mapping {quote(save)}"
        )
    elif proposal:
        output.line("Nothing was saved; add --save MAPPING.toml to keep this mapping.")
    return 0
