"""Put the commands together, run one, and turn whatever goes wrong into one line and an exit code."""

from __future__ import annotations

import json
import os
import sys

import typer
from typer.exceptions import TyperException

from audit_lab.cli import ask, decide, hand_over, look, walk
from audit_lab.errors import AuditLabError, IntegrityError

__all__ = ["main"]

_HELP = """Investigate ML audit trails: reconstruct, replay and explain any prediction, and hand over evidence.

Begin with `audit-lab demo`, or with `audit-lab doctor --log FOLDER` on a log of your own. A log is a folder with a
manifest.json; any other folder of Parquet files is opened through a mapping, which `audit-lab adapt FOLDER` proposes.

Exit codes: 0 all well, 1 found wanting, 2 the call was wrong.
"""
_INTERRUPTED = 130

app = typer.Typer(
    name="audit-lab", help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown"
)
for module in (walk, look, ask, decide, hand_over):
    module.register(app)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        return int(app(arguments, standalone_mode=False) or 0)
    except AuditLabError as error:
        return _tell(error, as_json="--json" in arguments)
    except TyperException as error:
        text = " ".join(str(getattr(error, "message", "") or error).split())
        if not text:  # the help was asked for by giving nothing
            return 2
        sys.stderr.write(f"audit-lab: {text} Try `audit-lab --help`.\n")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("audit-lab: stopped; nothing half-written was left.\n")
        return _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _tell(error: AuditLabError, *, as_json: bool) -> int:
    if as_json:
        document = {"error": {"kind": type(error).__name__, "message": error.message, "next_step": error.next_step}}
        if isinstance(error, IntegrityError):
            document["report"] = error.report.to_dict()
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    else:
        if isinstance(error, IntegrityError):
            from audit_lab.cli.output import show_verification

            show_verification(error.report)
        line = " ".join(str(error).split())
        sys.stderr.write(f"audit-lab: {line}\n")
    return error.exit_code
