"""Notebooks that begin an investigation: the first template, set to a log and a case, and not run."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.lab.asked_work import asked_body, asked_text
from audit_lab.lab.folders import check_segments, inside, name_in, place_for_results

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.lab.messages import NotebookAnswer

__all__ = ["begin_investigation"]

_TEMPLATE = "01_investigate_an_incident.ipynb"
#: A wheel brings the template beside this module; in a checkout it stands where everybody reads it.
_PLACES = (Path(__file__).parent / "templates", Path(__file__).parents[2] / "notebooks")
#: Cells that speak of the sample log alone.
_OF_THE_SAMPLE = "sample"
_KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
_LAST = """## 6. What was found

Keep what shows it: `case.keep(answer, "What is seen")`, or *Keep Cell as Exhibit* in the toolbar. State it:
`case.finding("...", [exhibit], confidence="medium")`. Conclude: `case.conclude("...")`. Then *Export Evidence* runs the
notebook again from a clean kernel and signs the result."""


def begin_investigation(root: Path, body: bytes) -> NotebookAnswer:
    """Write the notebook that a request's body asks for, and return its name.

    It is the template for an incident with the parameters of its first cell set, without what that says of the sample:
    it opens the log, begins the case, and asks what an investigation asks first.

    Raises
    ------
    MisuseError
        The body is not what it should be, a path is not below `root`, or the notebook is there already.
    NotFoundError
        There is no such log.
    LogError
        The log's files are not all below `root`.
    """
    from audit_lab.case.about import CaseAbout
    from audit_lab.evidence.generated import relative_path
    from audit_lab.log.files.durable import write_bytes
    from audit_lab.seal.digests import sha256
    from audit_lab.seal.portable_name import safe_name

    asked = asked_body(body)
    folder = inside(root, asked_text(asked, "log"))
    check_segments(root, folder)
    case = {name: asked_text(asked, name) for name in ("case", "question", "actor", "purpose")}
    CaseAbout(case["case"], case["question"], case["actor"], case["purpose"], "", "", "")
    place = place_for_results(root, asked_text(asked, "folder", ""))
    path = place / f"{safe_name(case['case'], sha256(case['case'].encode()))}.ipynb"
    if path.exists() or path.is_symlink():
        message = f"There is a notebook {name_in(root, path)} already"
        raise MisuseError(message, "Open it, or give the case another id.")
    notebook = _set(_template(), {"log": relative_path(folder, path), **case})
    write_bytes(path, (json.dumps(notebook, indent=1) + "\n").encode())
    return {"path": name_in(root, path)}


def _template() -> dict[str, Any]:
    for place in _PLACES:
        if (place / _TEMPLATE).is_file():
            template: dict[str, Any] = json.loads((place / _TEMPLATE).read_bytes())
            return template
    raise AuditLabError(f"The template {_TEMPLATE} is not installed", "Install the audit-lab package again.")


def _set(template: dict[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the template for another log, each parameter a literal of Python."""
    kept = [cell for cell in template["cells"] if _OF_THE_SAMPLE not in cell["metadata"].get("tags", [])]
    first = next(cell for cell in kept if cell["cell_type"] == "code")
    source = "".join(first["source"])
    given = {name.upper(): f"{name.upper()} = {value!a}" for name, value in parameters.items()}
    names = "|".join(given)
    first["source"] = re.sub(rf"^({names}) = .*$", lambda found: given[found[1]], source, flags=re.MULTILINE)
    asked = escape(" ".join(parameters["question"].split()))
    title = _prose("title", f"# {escape(parameters['case'])}\n\n**{asked}**")
    return {**template, "metadata": _KERNEL, "cells": [title, *kept, _prose("last", _LAST)]}


def _prose(cell_id: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": source}
