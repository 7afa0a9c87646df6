"""Notebooks that begin an investigation: written from the library's own cells, set to a log, and not run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.lab.asked_work import asked_body, asked_text
from audit_lab.lab.folders import check_segments, inside, name_in, place_for_results

if TYPE_CHECKING:
    from pathlib import Path

    from audit_lab.lab.messages import NotebookAnswer

__all__ = ["begin_investigation"]

_STEPS = ("verify", "coverage", "drift")
_KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def begin_investigation(root: Path, body: bytes) -> NotebookAnswer:
    """Write the notebook that a request's body asks for, and return its name.

    Its cells open the log, begin the case, and ask what an investigation asks first: whether the log is whole, what
    of it can be replayed, and what moved. They are the library's own, so that whoever gets the exported bundle can run
    them again without trusting its author.

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
    from audit_lab.evidence.generated import notebook_bytes, parsed_step, relative_path
    from audit_lab.log.files.durable import write_bytes
    from audit_lab.seal.digests import sha256
    from audit_lab.seal.portable_name import safe_name

    asked = asked_body(body)
    folder = inside(root, asked_text(asked, "log"))
    check_segments(root, folder)
    case = {name: asked_text(asked, name) for name in ("question", "actor", "purpose")}
    case["id"] = asked_text(asked, "case")
    CaseAbout(case["id"], case["question"], case["actor"], case["purpose"], "", "", "")
    place = place_for_results(root, asked_text(asked, "folder", ""))
    path = place / f"{safe_name(case['id'], sha256(case['id'].encode()))}.ipynb"
    if path.exists() or path.is_symlink():
        message = f"There is a notebook {name_in(root, path)} already"
        raise MisuseError(message, "Open it, or give the case another id.")
    written = notebook_bytes(case, relative_path(folder, path), [parsed_step(step) for step in _STEPS])
    notebook: dict[str, Any] = {**json.loads(written), "metadata": _KERNEL}
    write_bytes(path, (json.dumps(notebook, indent=1) + "\n").encode())
    return {"path": name_in(root, path)}
