"""The command about recorded environments: list those that were built, build those of a log, remove them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.errors import MisuseError, ModelError, NotFoundError
from audit_lab.log.files.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.replay.environment.environment_cache import BuiltEnvironment

__all__ = ["register"]

_MEGABYTE = 1_000_000
_STEPS = 4
_SHOWN_DIGITS = 12


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(reads_a_log(environments))


def environments(
    reading: Reading,
    action: Annotated[Literal["list", "build", "remove"], typer.Argument(help="What to do.")] = "list",
    names: Annotated[
        list[str] | None,
        typer.Argument(help="To build: versions as MODEL@VERSION, else all of the log. To remove: digests."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove all of them.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Use nothing but what uv has in its cache.")] = False,
    leave_out: Annotated[
        list[str] | None, typer.Option("--leave-out", help="A recorded package to do without; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List, build or remove the environments that models are replayed in as they were recorded.

    One is built once, by uv, from wheels alone and without running any code of theirs, and kept in your cache folder.
    No interpreter is downloaded. Building several goes on after one that cannot be built; it then exits 1.
    """
    if action == "build":
        return _build(reading, names or [], leave_out or [], offline=offline, as_json=as_json)
    if action == "remove":
        return _remove(names or [], everything=everything, as_json=as_json)
    if names:
        raise MisuseError(f"list takes no names, and {names[0]!r} is one", "See audit-lab environments --help.")
    return _list(as_json=as_json)


def _list(*, as_json: bool) -> int:
    from audit_lab.replay.environment.environment_cache import EnvironmentCache

    cache = EnvironmentCache()
    found = cache.entries()
    if as_json:
        output.print_json({"folder": str(cache.folder), "environments": [built.to_dict() for built in found]})
        return 0
    if not found:
        output.line(f"No environment was built yet; they would stand in {cache.folder}.")
        return 0
    names = ("digest", "built for", "Python", "packages", "filled in", "MB", "built at")
    output.table(names, [_row(built) for built in found])
    output.line(f"Together {_megabytes(found)} MB in {cache.folder}; what uv's cache holds too is there once.")
    return 0


def _row(built: BuiltEnvironment) -> tuple[Any, ...]:
    counts = (len(built.packages), len(built.filled), _megabytes([built]))
    return (built.digest[:_SHOWN_DIGITS], built.name, built.python, *map(str, counts), built.built_at)


def _megabytes(found: Sequence[BuiltEnvironment]) -> str:
    return f"{sum(built.size_bytes for built in found) / _MEGABYTE:,.0f}"


def _build(reading: Reading, names: list[str], leave_out: list[str], *, offline: bool, as_json: bool) -> int:
    from audit_lab.replay.environment.construction import prepare_environment
    from audit_lab.replay.environment.recorded import version_runtime

    versions = _versions(reading, names)
    done: list[tuple[str, BuiltEnvironment | ModelError]] = []
    with output.bar() as progress:
        task = progress.add_task("building", total=_STEPS * len(versions))
        for count, version in enumerate(versions):
            name = f"{version['model_name']}@{version['model_version']}"

            def tell(what: str, step: int, _: int, name: str = name, count: int = count) -> None:
                progress.update(task, completed=_STEPS * count + step, description=f"{printable(name)}: {what}")

            try:
                built = prepare_environment(
                    version_runtime(version), progress=tell, offline=offline, leave_out=leave_out
                )
                done.append((name, built))
            except ModelError as error:
                done.append((name, error))
    if as_json:
        output.print_json([_document(name, result) for name, result in done])
    else:
        for name, result in done:
            _tell(name, result)
    return int(any(isinstance(result, ModelError) for _, result in done))


def _versions(reading: Reading, names: list[str]) -> list[dict[str, Any]]:
    """Return the last registry row of each version that was named, or of all."""
    rows = reading.open().model_versions.sort("recorded_at").collect().to_dicts()
    known = {f"{row['model_name']}@{row['model_version']}": row for row in rows}
    unknown = [name for name in names if name not in known]
    if unknown or not known:
        what = f"no version {unknown[0]}" if unknown else "no model version"
        raise NotFoundError(f"the registry has {what}", f"It has: {', '.join(known) or 'nothing'}.")
    return [known[name] for name in (names or known)]


def _document(name: str, result: BuiltEnvironment | ModelError) -> dict[str, Any]:
    if isinstance(result, ModelError):
        error = {"code": result.code, "message": result.message, "next_step": result.next_step}
        return {"version": name, "environment": None, "error": error}
    return {"version": name, "environment": result.to_dict(), "error": None}


def _tell(name: str, result: BuiltEnvironment | ModelError) -> None:
    output.title(name)
    if isinstance(result, ModelError):
        output.line(f"{result.message}. {result.next_step}")
        return
    output.line(
        f"{result.digest[:_SHOWN_DIGITS]}: Python {result.python}, {len(result.packages)} packages, "
        f"{_megabytes([result])} MB in {result.folder}"
    )
    output.lines(result.notes)


def _remove(names: list[str], *, everything: bool, as_json: bool) -> int:
    from audit_lab.replay.environment.environment_cache import EnvironmentCache

    if bool(names) == everything:
        raise MisuseError("remove takes digests, or --all", "audit-lab environments lists them.")
    cache = EnvironmentCache()
    found = cache.entries() if everything else [cache.named(name) for name in names]
    for built in found:
        cache.remove(built)
    if as_json:
        output.print_json({"removed": [built.digest for built in found], "bytes": sum(b.size_bytes for b in found)})
    else:
        output.line(f"Removed: {len(found)}, {_megabytes(found)} MB.")
    return 0
