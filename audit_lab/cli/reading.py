"""The options of every command that asks a log a question, and the opened log that they make."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.face import AuditLog

__all__ = [
    "ACTOR_VARIABLE",
    "PURPOSE_VARIABLE",
    "Actor",
    "JournalPath",
    "MappingPath",
    "Purpose",
    "Reading",
    "reads_a_log",
]

ACTOR_VARIABLE = "AUDIT_LAB_ACTOR"
PURPOSE_VARIABLE = "AUDIT_LAB_PURPOSE"

LogPath = Annotated[
    str, typer.Option("--log", "-l", help="The audit log: a folder, or s3://.", show_default="this folder")
]
MappingPath = Annotated[
    str | None, typer.Option("--mapping", "-m", help="Mapping file, for a folder that another system wrote.")
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="An earlier state of a sealed log: a time (UTC), or a tree size.")
]
Engine = Annotated[str, typer.Option("--engine", help="What runs questions over whole tables: polars, duckdb, spark.")]
Actor = Annotated[
    str | None,
    typer.Option("--actor", envvar=ACTOR_VARIABLE, show_envvar=False, help="Who asks; with it a journal is kept."),
]
Purpose = Annotated[
    str | None, typer.Option("--purpose", envvar=PURPOSE_VARIABLE, show_envvar=False, help="Why; goes with --actor.")
]
JournalPath = Annotated[
    str | None,
    typer.Option("--journal", help="The journal's file.", show_default="one for each log, in your state folder"),
]

_OPTIONS: dict[str, tuple[Any, Any]] = {
    "log": (LogPath, "."),
    "mapping": (MappingPath, None),
    "as_of": (AsOf, None),
    "engine": (Engine, "polars"),
    "actor": (Actor, None),
    "purpose": (Purpose, None),
    "journal": (JournalPath, None),
}


class Reading:
    """What somebody asks to read, and as whom."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.path = str(options["log"])
        self._options = options

    @property
    def actor(self) -> str | None:
        """Who asks, where somebody said so."""
        return self._options["actor"]  # type: ignore[no-any-return]

    @property
    def purpose(self) -> str | None:
        """Why, where somebody said so."""
        return self._options["purpose"]  # type: ignore[no-any-return]

    @property
    def is_of_the_past(self) -> bool:
        """Whether an earlier state of the log is asked for."""
        return self._options["as_of"] is not None

    def at(self, path: str) -> Reading:
        """Return the same reading of another log: of one that stands as an argument, not as an option."""
        return Reading({**self._options, "log": path})

    def open(self) -> AuditLog:
        """Open the log."""
        import audit_lab as al

        options = dict(self._options)
        as_of = options.pop("as_of")
        size = int(as_of) if as_of is not None and as_of.isdecimal() else as_of
        return al.open(options.pop("log"), options.pop("mapping"), as_of=size, **options)


def reads_a_log(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command, whose first parameter is a `Reading`, the options of reading; they come after its own."""
    own = inspect.signature(command, eval_str=True)
    parameters = list(own.parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    reading = [
        inspect.Parameter(name, keyword, default=value, annotation=kind) for name, (kind, value) in _OPTIONS.items()
    ]

    def called(**given: Any) -> int:
        options = {name: given.pop(name) for name in _OPTIONS}
        return command(Reading(options), **given)

    everything = [*(each.replace(kind=keyword) for each in parameters), *reading]
    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__annotations__ = {each.name: each.annotation for each in everything}
    vars(called)["__signature__"] = own.replace(parameters=everything)
    return called
