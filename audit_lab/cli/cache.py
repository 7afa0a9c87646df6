"""The command about this user's caches: what they hold, and emptying them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.face.caches import CacheFolder

__all__ = ["register"]

_MEGABYTE = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(cache)


def cache(
    empty: Annotated[
        Literal["explanations", "environments", "indexes", "sketches", "all"] | None,
        typer.Option("--empty", help="Remove all of this kind, after you confirmed it."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> int:
    """Show what audit_lab keeps for you to be fast: explanations, environments, indexes, sketches. Or remove it.

    All of it is made again when it is asked for. Explanations hold recorded values, which are personal data, and what
    drift counted (sketches) may: they are yours alone to read, are gone after thirty days, and go when the decision is
    erased through this account.
    """
    from audit_lab.face.caches import cache_folders, empty_cache

    found = cache_folders()
    if empty is None:
        if yes:
            raise MisuseError("--yes is given, and nothing is to be removed", "Give --empty with a kind, or --help.")
        _show(found, as_json=as_json)
        return 0
    chosen = [each for each in found if empty in {each.kind, "all"}]
    if not yes:
        if as_json:
            raise MisuseError("a program cannot confirm", "Give --yes with --json.")
        _show(chosen, as_json=False)
        typer.confirm("Remove all of this?", abort=True)
    removed = [empty_cache(each.kind) for each in chosen]
    if as_json:
        output.print_json({"removed": [each.to_dict() for each in removed]})
    else:
        output.line(f"Removed: {', '.join(f'{_megabytes(each)} MB of {each.kind}' for each in removed)}.")
    return 0


def _show(found: list[CacheFolder], *, as_json: bool) -> None:
    if as_json:
        output.print_json({"caches": [each.to_dict() for each in found]})
        return
    names = ("kind", "files", "MB", "at most MB", "folder")
    rows = [
        (
            each.kind,
            f"{each.files:,}",
            _megabytes(each),
            "-" if each.largest_bytes is None else f"{each.largest_bytes / _MEGABYTE:,.0f}",
            str(each.folder),
        )
        for each in found
    ]
    output.table(names, rows, keep=("folder",))
    output.lines(f"{each.kind}: {each.holds}" for each in found)


def _megabytes(found: CacheFolder) -> str:
    return f"{found.size_bytes / _MEGABYTE:,.1f}"
