"""Put the commands together, run one, and turn whatever goes wrong into one line and an exit code."""

from __future__ import annotations

import atexit
import errno
import gc
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING

import typer
from typer.exceptions import TyperException
from typer.main import get_command_name

from audit_lab.cli import output
from audit_lab.errors import AuditLabError, IntegrityError, MisuseError
from audit_lab.log.files.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typer.models import CommandInfo

__all__ = ["application", "main"]

_HELP = """Investigate ML audit trails: reconstruct, replay and explain any prediction, and hand over evidence.

Begin with `audit-lab demo`, or with `audit-lab doctor --log FOLDER` on a log of your own. A log is a folder with a
manifest.json; any other folder of Parquet files is opened through a mapping, which `audit-lab adapt FOLDER` proposes.

Exit codes: 0 all well, 1 found wanting, 2 the call was wrong.
"""
#: What the place says that the output goes to: it is full, at its quota, at the largest size of a file, or broken.
_CANNOT_BE_WRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_INTERRUPTED = 130
_LONGEST_LINE = 4_000

#: The commands of each module, in the order in which the help lists them: one is found without importing the others.
_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "walk": ("demo",),
    "look": ("doctor",),
    "adapting": ("adapt",),
    "lint": ("lint",),
    "ask": ("show", "find", "drift"),
    "decisions": ("decisions",),
    "coverage": ("coverage", "in-force"),
    "performance": ("performance", "fairness"),
    "onset": ("onset", "operations", "segments"),
    "cause": ("cause",),
    "watch": ("watch",),
    "alerts": ("alerts",),
    "letter": ("letter",),
    "decide": ("replay", "explore", "explain", "prove"),
    "impact": ("impact", "comparable"),
    "counterfactual": ("counterfactual",),
    "what_if": ("what-if",),
    "cohort": ("cohort",),
    "reasons": ("reasons",),
    "dossier": ("dossier",),
    "environment": ("environments",),
    "cache": ("cache",),
    "lineage": ("lineage",),
    "history": ("snapshots", "journal"),
    "keep": ("seal", "compact", "erase", "reapply-erasures", "hold", "release"),
    "record": ("record",),
    "spool": ("spool",),
    "due": ("explain-due",),
    "anchor": ("witness", "anchor"),
    "case": ("case",),
    "hand_over": ("export", "verify", "sign", "verifier"),
    "time_stamp": ("timestamp",),
    "diff": ("diff",),
    "keys": ("keys",),
}


def application(modules: Iterable[str] = _COMMANDS) -> typer.Typer:
    """Return the application with the commands of these modules of `audit_lab.cli`; by default with all of them."""
    app = typer.Typer(
        name="audit-lab", help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown"
    )
    for name in modules:
        import_module(f"audit_lab.cli.{name}").register(app)
    return app


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    if arguments is None:
        arguments = sys.argv[1:]
        # The process ends with this call: to look through all that it holds once more takes 0.05 s and more.
        atexit.register(gc.freeze)
    as_json = "--json" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal or a file that cannot show a character gets its escape
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(arguments, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except (BrokenPipeError, SystemExit):  # whoever read the output left; typer and rich turn that into SystemExit
        output.close()
        return 0
    except OSError as error:
        if error.filename is None and error.errno in _CANNOT_BE_WRITTEN:
            output.close()
            lost = f"the output cannot be written ({error.strerror})"
            return _tell(MisuseError(lost, "Make room, or write it elsewhere."), as_json=False)
        where = error.filename or "a file"
        advice = "Check that it exists, is what it should be, and that you may read or write it."
        return _tell(AuditLabError(f"{where}: {error.strerror or error}", advice), as_json=as_json)
    if code == _INTERRUPTED:  # typer makes this code of an interrupt, or passes it on
        sys.stderr.write("audit-lab: stopped.\n")
    return code


def _run(arguments: list[str], *, as_json: bool) -> int:
    """Run the command and return its exit code, which a reader who leaves once it is known does not change."""
    try:
        _check_utf_8(arguments)
        code = int(_needed(arguments)(arguments, prog_name="audit-lab", standalone_mode=False) or 0)
    except AuditLabError as error:
        return _tell(error, as_json=as_json)
    except TyperException as error:
        return _misuse(error, as_json=as_json)
    with output.for_whoever_reads():
        sys.stdout.flush()
    return code


def _needed(arguments: list[str]) -> typer.Typer:
    """Return the application with the one command that is asked for: building them all takes longer than many of them.

    Where none is named, the whole one, which lists them or says what was meant.
    """
    home = next((module for module, names in _COMMANDS.items() if arguments[:1] and arguments[0] in names), None)
    if home is None:
        return application()
    app = application([home])
    app.registered_commands = [each for each in app.registered_commands if _name_of(each) == arguments[0]]
    app.registered_groups = [each for each in app.registered_groups if each.name == arguments[0]]
    app.callback()(lambda: None)  # without one, a lone command would be called without its name
    return app


def _name_of(command: CommandInfo) -> str | None:
    return command.name or (get_command_name(command.callback.__name__) if command.callback else None)


def _check_utf_8(arguments: list[str]) -> None:
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise MisuseError(f"the argument {argument!r} is not UTF-8", "Write it in the terminal's UTF-8.") from error


def _misuse(error: TyperException, *, as_json: bool) -> int:
    message = " ".join(error.format_message().split()).rstrip(".")
    if not message:  # nothing was asked for, so the help was shown
        return MisuseError.exit_code
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "audit-lab"
    message, meant, guess = message.partition(". Did you mean")
    advice = f"{meant.removeprefix('. ')}{guess} " if meant else ""
    return _tell(MisuseError(message, f"{advice}See `{command} --help`."), as_json=as_json)


def _tell(error: AuditLabError, *, as_json: bool) -> int:
    with output.for_whoever_reads():
        if as_json:
            document = {"error": {"kind": type(error).__name__, "message": error.message, "next_step": error.next_step}}
            if isinstance(error, IntegrityError):
                document["report"] = error.report.to_dict()
            output.print_json(document)
        elif isinstance(error, IntegrityError):
            output.show_verification(error.report)
        sys.stdout.flush()
    if not as_json:
        line = printable(" ".join(str(error).split()), _LONGEST_LINE)
        sys.stderr.write(f"audit-lab: {line}\n")
    return error.exit_code
