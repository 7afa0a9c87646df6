"""The command with which a pipeline or a shell script writes what happened into a sealed log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from audit_lab.cli import output
from audit_lab.cli.keep import Passphrase, VaultPath
from audit_lab.cli.output import AsJson
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.log.writing.receipt import Receipt

__all__ = ["register"]

Kind = Literal["dataset", "run", "evaluation", "model", "approval", "deployment", "override", "outcome", "event"]

#: Kind to the names that it needs: of a run by name, of others in the order of its function.
_NEEDED: dict[str, tuple[str, ...]] = {
    "dataset": ("dataset_id", "version"),
    "run": ("run_id", "started_at", "ended_at"),
    "evaluation": ("model", "version", "metrics"),
    "model": ("model", "version", "artifact"),
    "approval": ("model", "version", "act"),
    "deployment": ("deployment_id", "model", "version"),
    "override": ("prediction_id",),
    "outcome": ("prediction_id",),
    "event": ("kind", "summary"),
}
#: Kind to what else it needs, by name.
_NEEDED_BY_NAME = {"approval": ("approver",), "override": ("actor", "reason")}


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(record)


def record(
    kind: Annotated[Kind, typer.Argument(help="What happened.")],
    log: Annotated[str, typer.Argument(help="The log's folder.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE; what begins with { or [ is JSON. May be repeated."),
    ] = None,
    vault: VaultPath = None,
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """Write into a sealed log what happened to a model: one row, as the function of the same name does in Python.

    For pipelines and scripts. A registration that lacks what an investigator will ask for is refused with the list.
    """
    pairs = [_setting(text) for text in settings or []]
    said = dict(pairs)
    if len(said) < len(pairs):
        twice = [name for name in said if sum(name == each for each, _ in pairs) > 1]
        raise MisuseError(f"--set says {', '.join(twice)} more than once", "Say each once: a list is JSON in brackets.")
    missing = [name for name in (*_NEEDED[kind], *_NEEDED_BY_NAME.get(kind, ())) if name not in said]
    if missing:
        raise MisuseError(f"this {kind} lacks {', '.join(missing)}", f"Add --set {missing[0]}=...")
    receipt = _written(kind)(log, said, {"vault": vault, "passphrase": passphrase})
    if as_json:
        segments = [{"table": each.table, "segment": each.segment, "rows": each.rows} for each in receipt.segments]
        output.print_json(
            {"size": receipt.size, "root": receipt.root, "sealed_at": receipt.sealed_at, "rows": segments}
        )
    else:
        tables = ", ".join(each.table for each in receipt.segments)
        output.line(f"Sealed at {receipt.sealed_at} as entries up to {receipt.size}: {tables}.")
    return 0


def _written(kind: str) -> Callable[[str, dict[str, Any], dict[str, Any]], Receipt]:
    """Return what records a kind, told the log, what was said, and where the vault is."""
    from audit_lab.capture.life import records, registration, runs

    functions: dict[str, Callable[..., Receipt]] = {
        "dataset": records.record_dataset,
        "run": runs.record_past_run,
        "evaluation": runs.record_evaluation,
        "model": registration.record_model,
        "approval": records.record_approval,
        "deployment": records.record_deployment,
        "override": records.record_override,
        "outcome": records.record_outcome,
        "event": records.record_event,
    }

    def call(log: str, said: dict[str, Any], keys: dict[str, Any]) -> Receipt:
        given = [] if kind == "run" else [said.pop(name) for name in _NEEDED[kind]]
        try:
            return functions[kind](log, *given, **said, **keys)
        except (TypeError, ValueError, AttributeError) as error:
            raise MisuseError(f"this {kind} cannot be recorded ({error})", "See docs/life.md for its names.") from error

    return call


def _setting(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier():
        raise MisuseError(f"--set {text[:80]!a} is not NAME=VALUE", 'Write --set reason="first version".')
    if not value.startswith(("{", "[")) and name not in _numbers():
        return name, value
    try:
        return name, json.loads(value)
    except ValueError as error:
        raise MisuseError(f"the value of --set {name} is no number or JSON: {value[:80]!a}", "Correct it.") from error


def _numbers() -> set[str]:
    """Return the columns that hold numbers: all else is text, also where it looks like a number."""
    import polars as pl

    from audit_lab.log.schema import TABLES

    numbers = (pl.Int64, pl.Float64)
    return {name for table in TABLES.values() for name, dtype in table.columns.items() if dtype in numbers}
