"""What a browser asks for as a job, read and held to the server's root folder before anything is started."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.lab.badges import state_of
from audit_lab.lab.cases import check_case
from audit_lab.lab.folders import check_segments, file_inside, inside, place_for_results
from audit_lab.lab.jobs import Work
from audit_lab.lab.work import named

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["NotAllowedError", "asked_body", "asked_text", "asked_work"]

_FORMATS = ("pdf", "html", "json")
_NEXT = "Send what the file openapi.json of audit_lab.lab says."
_NOTEBOOK = ".ipynb"


class NotAllowedError(AuditLabError):
    """Whoever asks may not run code on this server."""


def asked_work(root: Path, body: bytes, *, may_run: bool) -> Work:
    """Return the work that a request's body asks for.

    Parameters
    ----------
    root
        The server's root folder, resolved.
    body
        JSON, as ``openapi.json`` describes it.
    may_run
        Whether whoever asks may run code on this server, as the run of a notebook does.

    Raises
    ------
    MisuseError
        It is not what it should be, or names a path that is not below `root`.
    NotFoundError
        There is nothing at such a path.
    LogError
        The log's files are not all below `root`.
    NotAllowedError
        A notebook is to be run, as for a bundle, and `may_run` is false.
    """
    asked = asked_body(body)
    kind = asked_text(asked, "kind")
    if kind not in _KINDS:
        raise MisuseError(f"There is no kind of job {kind[:40]!r}", f"Ask for {', '.join(_KINDS)}.")
    if kind == "bundle" and not may_run:
        raise NotAllowedError("You may not run code on this server", "Take the dossier along: it runs no notebook.")
    if asked.get("notebook") and not may_run:
        raise NotAllowedError("You may not run code on this server", "Export the case without its notebook.")
    return _KINDS[kind](root, asked)


def asked_body(body: bytes) -> dict[str, Any]:
    """Return the object that a request's body is.

    Raises
    ------
    MisuseError
        It is none.
    """
    try:
        asked = json.loads(body)
    except ValueError as error:
        raise MisuseError("The body of the request is no JSON", _NEXT) from error
    if not isinstance(asked, dict):
        raise MisuseError("The body of the request is no object", _NEXT)
    return asked


def _verify_log(root: Path, asked: dict[str, Any]) -> Work:
    name = asked_text(asked, "log")
    folder = inside(root, name)
    check_segments(root, folder)
    return Work("verify-log", name, {"path": str(folder), "trust": _trust(root, asked)}, state_of(folder))


def _verify_bundle(root: Path, asked: dict[str, Any]) -> Work:
    name = asked_text(asked, "bundle")
    return Work("verify-bundle", name, {"path": str(file_inside(root, name)), "trust": _trust(root, asked)})


def _dossier(root: Path, asked: dict[str, Any]) -> Work:
    name, prediction_id = asked_text(asked, "log"), asked_text(asked, "id")
    folder = inside(root, name)
    check_segments(root, folder)
    formats = asked.get("formats", [])
    if not isinstance(formats, list) or not all(isinstance(each, str) and each in _FORMATS for each in formats):
        raise MisuseError("formats is no list of formats", f"Name any of {', '.join(_FORMATS)}.")
    arguments = {
        "path": str(folder),
        "id": prediction_id,
        "formats": [each for each in _FORMATS if each in formats],
        "folder": str(place_for_results(root, asked_text(asked, "folder", ""))),
        "timezone": asked_text(asked, "timezone", "") or None,
    }
    return Work("dossier", f"{prediction_id} of {name}", arguments)


def _bundle(root: Path, asked: dict[str, Any]) -> Work:
    from audit_lab.case.about import (
        CaseAbout,
    )  # looked up when it is asked for: a server's start needs nothing of a case

    name, prediction_id = asked_text(asked, "log"), asked_text(asked, "id")
    folder = inside(root, name)
    check_segments(root, folder)
    case = {
        "id": named("decision", prediction_id),
        "question": f"What was decided about {prediction_id}, why, and does it come out again?",
        "actor": asked_text(asked, "actor"),
        "purpose": asked_text(asked, "purpose"),
    }
    CaseAbout(case["id"], case["question"], case["actor"], case["purpose"], "", "", "")
    arguments = {
        "path": str(folder),
        "id": prediction_id,
        "case": case,
        "folder": str(place_for_results(root, asked_text(asked, "folder", ""))),
    }
    return Work("bundle", f"{prediction_id} of {name}", arguments)


def _export(root: Path, asked: dict[str, Any]) -> Work:
    name, notebook = asked_text(asked, "case"), asked_text(asked, "notebook", "")
    folder = inside(root, name)
    check_case(folder)
    if notebook and not notebook.endswith(_NOTEBOOK):
        raise MisuseError(f"{notebook!r} is no notebook", "Name a file that ends in .ipynb.")
    arguments = {
        "path": str(folder),
        "notebook": str(file_inside(root, notebook)) if notebook else None,
        "folder": str(place_for_results(root, asked_text(asked, "folder", ""))),
        "actor": asked_text(asked, "actor", "") or None,
        "purpose": "export from JupyterLab",
    }
    return Work("export", name, arguments)


_KINDS: dict[str, Callable[[Path, dict[str, Any]], Work]] = {
    "bundle": _bundle,
    "dossier": _dossier,
    "export": _export,
    "verify-bundle": _verify_bundle,
    "verify-log": _verify_log,
}


def _trust(root: Path, asked: dict[str, Any]) -> str | None:
    name = asked_text(asked, "trust", "")
    return str(file_inside(root, name)) if name else None


def asked_text(asked: dict[str, Any], name: str, default: str | None = None) -> str:
    """Return a text of a request's body.

    Raises
    ------
    MisuseError
        It is no text, or it is missing and there is no default.
    """
    value = asked.get(name, default)
    if not isinstance(value, str):
        raise MisuseError(f"{name} is no text", _NEXT)
    return value
