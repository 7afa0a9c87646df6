"""The command about what recorders have on the disk and the log does not have yet."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit_lab.cli import output
from audit_lab.cli.keep import Passphrase, VaultPath
from audit_lab.cli.output import AsJson

if TYPE_CHECKING:
    from audit_lab.capture.recorder.sealer import SealedSpool

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(spool)


def spool(
    log: Annotated[str, typer.Argument(help="The log's folder.")],
    folder: Annotated[
        str | None, typer.Option("--spool", help="The spool's folder.", show_default="<log>.spool beside the log")
    ] = None,
    seal: Annotated[bool, typer.Option("--seal", help="Seal what lies there, where no process does already.")] = False,
    vault: VaultPath = None,
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """Show what recorders wrote to the disk and the log does not have yet; or seal it.

    Files of a recorder whose process was killed are sealed too; each record is in the log once.
    """
    from audit_lab.capture.recorder.sealing import spool_of, spool_state
    from audit_lab.capture.recorder.sealing_process import seal_now

    place = spool_of(Path(log)) if folder is None else Path(folder)
    sealed: SealedSpool | None = None
    if seal and place.is_dir():
        with output.bar() as bar:
            task = bar.add_task("sealing", total=spool_state(place).files)
            sealed = seal_now(
                Path(log),
                place,
                vault=vault,
                passphrase=passphrase,
                progress=lambda done: bar.update(task, completed=done.files),
            )
    state = spool_state(place)
    if as_json:
        output.print_json({"spool": state.to_dict(), "sealed": None if sealed is None else vars(sealed)})
        return 0
    if sealed is not None:
        output.line(
            f"Sealed {sealed.records:,} records of {sealed.files:,} files; {sealed.repeated:,} were in the log before, "
            f"{sealed.missing:,} were never recorded, {sealed.quarantined:,} have inputs that fit no column."
        )
        if sealed.set_aside or sealed.damaged_bytes:
            output.line(f"{sealed.set_aside:,} cannot be sealed; {sealed.damaged_bytes:,} bytes are damaged.")
    elif seal and state.is_sealing:
        output.line("Another process seals this spool.")
    if state.kept_aside:
        output.line(f"{state.kept_aside:,} files in {place} hold what is not in the log: look at them, and move them.")
    if not state.files:
        output.line("Everything is sealed.")
        return 0
    age = "" if state.since is None else f", the oldest begun {time.time() - state.since:,.0f} s ago"
    output.line(f"{state.files:,} files with {state.size_bytes:,} bytes are not sealed yet{age}.")
    if state.problem is not None:
        output.line(f"Sealing fails: {state.problem}")
    return 0
