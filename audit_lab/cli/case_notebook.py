"""The command that writes a notebook of the library's own cells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson
from audit_lab.errors import MisuseError

__all__ = ["notebook"]


def notebook(
    case_id: Annotated[str, typer.Argument(help="The case's id, one line.")],
    steps: Annotated[
        list[str],
        typer.Argument(
            metavar="STEP...",
            help="Questions, in order, such as drift, cause:2015-07-01 or replay:ID; docs/rerun.md lists them.",
        ),
    ],
    log: Annotated[str, typer.Option("--log", "-l", help="The audit log's folder.")],
    question: Annotated[str, typer.Option("--question", help="What the investigation is to answer.")],
    actor: Annotated[str, typer.Option("--actor", help="Who investigates.")],
    purpose: Annotated[str, typer.Option("--purpose", help="Why.")],
    out: Annotated[str, typer.Option("--out", "-o", help="The notebook to write.")] = "investigation.ipynb",
    as_json: AsJson = False,
) -> int:
    """Write a notebook whose cells anybody's audit_lab writes again, and so runs again without trusting its author.

    It opens the log, begins the case, and keeps the answer to each step. Export it with audit-lab export; whoever gets
    the bundle runs it again with audit-lab verify --rerun, without letting code of yours run. Nothing is run now.
    """
    from audit_lab.evidence.generated import notebook_bytes, parsed_step, relative_path

    asked, path = [parsed_step(text) for text in steps], Path(out)
    if not Path(log).is_dir():
        raise MisuseError(f"there is no log folder {log}", "Give the folder of an audit log with --log.")
    if path.exists():
        raise MisuseError(f"there is something already: {out}", "Choose another --out.")
    from audit_lab.log.files.durable import write_bytes

    about = {"id": case_id, "question": question, "actor": actor, "purpose": purpose}
    write_bytes(path, notebook_bytes(about, relative_path(Path(log), path), asked))
    if as_json:
        output.print_json({"notebook": out, "steps": [step.to_dict() for step in asked]})
    else:
        output.line(f"{out}: {len(asked)} steps. Export it: audit-lab export {out}")
    return 0
