"""What a job does, in the process that is started for it: ``python -P -m audit_lab.lab.work``.

One line of JSON comes in on standard input, naming the kind of job and its arguments; lines of JSON go out, each with
the progress so far, the result or the problem. Standard input stays open for as long as the server wants the answer:
when it closes, the server is gone, and this process and those that it started end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.errors import AuditLabError, IntegrityError, MisuseError
from audit_lab.lab.shortening import shortened

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from audit_lab.lab.messages import Progress

__all__ = ["TASKS", "Told", "main", "named"]

_FILES = "files"
_MEGABYTE = 1_000_000
_MOST_OF_A_NAME = 100
#: So many findings of a verification are sent to a browser.
_MOST_FINDINGS = 500


@dataclass
class Told:
    """Tells the server how far the work is: what is being counted, how much is done, and of how much."""

    out: IO[str]
    totals: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)

    def __call__(self, what: str, count: int) -> None:
        """Add what was done to what was done before."""
        self.done[what] = self.done.get(what, 0) + count
        done, total = self.done[what], self.totals.get(what)
        if what == _FILES:
            self.tell("megabytes of files", done // _MEGABYTE, None if total is None else total // _MEGABYTE)
        else:
            self.tell(what, done, total)

    def step(self, what: str, _: int) -> None:
        """Say what is being done, where there is nothing to count."""
        self.tell(what, 0, None)

    def tell(self, what: str, done: int, total: int | None) -> None:
        """Send one line about the progress."""
        progress: Progress = {"what": what, "done": done, "total": total}
        _say(self.out, {"progress": progress})


def main() -> None:
    """Do the one piece of work that is asked for on standard input."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints goes to the server's log
    asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_server, args=(os.dup(0),), daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # nobody is there to be asked for a passphrase
    try:
        _say(out, {"result": shortened(TASKS[asked["kind"]](asked["arguments"], Told(out)))})
    except AuditLabError as error:
        _say(out, {"problem": {"message": error.message, "next_step": error.next_step}})


def _say(out: IO[str], message: dict[str, Any]) -> None:
    out.write(json.dumps(message, allow_nan=False) + "\n")
    out.flush()


def _end_with_the_server(handle: int) -> None:
    os.read(handle, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _verify(arguments: dict[str, Any], told: Told) -> dict[str, Any]:
    """Verify a log or a bundle; that it fails is an answer."""
    import audit_lab
    from audit_lab.log.tree.tree_file import CHECKPOINT_NAME

    path = Path(arguments["path"])
    told.totals = _sizes(path)
    told.step("reading", 1)
    try:
        report = audit_lab.verify(path, arguments["trust"], progress=told)
    except IntegrityError as error:
        report = error.report
    sealed = not path.is_dir() or (path / CHECKPOINT_NAME).is_file()
    told_of, found = report.to_dict(), len(report.findings)
    if found > _MOST_FINDINGS:
        told_of["findings"] = told_of["findings"][:_MOST_FINDINGS]
        first = f"The first {_MOST_FINDINGS:,} of {found:,} findings are listed here: audit-lab verify has all of them."
        told_of["notes"].insert(0, first)
    return {"verification": told_of, "found": found, "sealed": sealed, "files": []}


def _dossier(arguments: dict[str, Any], told: Told) -> dict[str, Any]:
    """Answer a letter about one decision, and write the answer as what it is asked for.

    What is written is for others: it says what a verification of the log says.
    """
    import audit_lab

    told.step("reconstruction", 1)
    log = audit_lab.open(arguments["path"])
    decision = log.decision(arguments["id"])
    verification: Any = None
    if arguments["formats"]:
        told.totals = _sizes(Path(arguments["path"]))
        try:
            verification = log.verify(progress=told)
        except IntegrityError as error:
            verification = error.report
    told.step("replay and explanation", 1)
    made = decision.dossier(
        timezone=arguments["timezone"],
        verification=verification,
        progress=lambda what, _: told.step(f"{what} done", 1),
    )
    kinds: dict[str, Callable[[], bytes]] = {
        "html": lambda: made.to_html().encode(),
        "json": made.to_json,
        "pdf": made.to_pdf,
    }
    written = []
    for kind in arguments["formats"]:
        told.step(f"writing {kind}", 1)
        written.append(_written(Path(arguments["folder"]), made.prediction_id, kind, kinds[kind]()))
    return {"dossier": made.to_dict(), "files": written}


def _export(arguments: dict[str, Any], told: Told) -> dict[str, Any]:
    """Export a case as a signed bundle, with the key that AUDIT_LAB_KEY names."""
    from audit_lab.evidence import Case

    _check_key()
    case = Case.open(arguments["path"], actor=arguments["actor"], purpose=arguments["purpose"])
    # A notebook that opens a case finds it in its own folder, and in no other.
    bundle = case.export(arguments["folder"], notebook=arguments["notebook"], own_folder=True, progress=told.step)
    return {"files": [str(bundle)]}


def _check_key() -> None:
    """Refuse to sign without a key, and say to whoever presses a button who can give this server one."""
    from audit_lab.evidence.keyring import KEY_VARIABLE

    if not os.environ.get(KEY_VARIABLE):
        raise MisuseError(
            "This Jupyter server has no key to sign evidence with",
            f"Whoever starts it sets {KEY_VARIABLE} to the file of a key; audit-lab keys new makes one.",
        )


def _bundle(arguments: dict[str, Any], told: Told) -> dict[str, Any]:
    """Ask about one decision in a notebook of the library's own cells, and export it with the case that it makes."""
    import audit_lab
    from audit_lab.evidence.export import export_notebook
    from audit_lab.evidence.generated import Step, notebook_bytes, relative_path
    from audit_lab.evidence.keyring import signing_key
    from audit_lab.log.files.durable import write_bytes

    _check_key()
    key = signing_key()
    about, log, asked = arguments["case"], Path(arguments["path"]), {"id": arguments["id"]}
    told.step("reconstruction", 1)
    decision = audit_lab.open(log).decision(arguments["id"])
    steps = [Step("verify", {}), Step("decision", asked), Step("replay", asked), Step("lineage", asked)]
    told.step("explanation", 1)
    with suppress(AuditLabError):  # why it cannot be explained is in the decision's gaps
        decision.explain("shap")
        steps.append(Step("explain", {**asked, "method": "shap"}))
    notebook = _free(Path(arguments["folder"]), about["id"], "ipynb")
    about = {**about, "id": notebook.stem}
    write_bytes(notebook, notebook_bytes(about, relative_path(log, notebook), steps))
    bundle = export_notebook(notebook, notebook.with_suffix(".zip"), key=key, progress=told.step)
    return {"files": [str(bundle), str(notebook)]}


#: What each kind of job does.
TASKS: dict[str, Callable[[dict[str, Any], Told], dict[str, Any]]] = {
    "bundle": _bundle,
    "dossier": _dossier,
    "export": _export,
    "verify-bundle": _verify,
    "verify-log": _verify,
}


def _sizes(path: Path) -> dict[str, int]:
    """Return what a check will go through, by the log's manifest; nothing where it cannot be told."""
    from audit_lab.log.store import open_store

    if not path.is_dir():
        return {}
    try:
        manifest = open_store(path).manifest
    except AuditLabError:
        return {}
    files = [file for table in manifest.tables.values() for file in table] if manifest else []
    return {_FILES: sum(file.size_bytes for file in files), "rows": sum(file.rows for file in files)}


def _written(folder: Path, prediction_id: str, kind: str, content: bytes) -> str:
    """Write a dossier under a name that nothing has yet, and return its path."""
    from audit_lab.log.files.durable import write_bytes

    path = _free(folder, named("dossier", prediction_id), kind)
    write_bytes(path, content)
    return str(path)


def named(what: str, prediction_id: str) -> str:
    """Return a name for a file about a prediction, whose id may be any text."""
    from audit_lab.seal.digests import sha256
    from audit_lab.seal.portable_name import safe_name

    return f"{what}-{safe_name(prediction_id, sha256(prediction_id.encode('utf-8', 'surrogatepass')))}"


def _free(folder: Path, name: str, kind: str) -> Path:
    """Return a path that nothing stands at yet, with no bundle beside it either."""
    for number in range(1, _MOST_OF_A_NAME + 1):
        path = folder / (f"{name}.{kind}" if number == 1 else f"{name}-{number}.{kind}")
        if not any(each.exists() or each.is_symlink() for each in (path, path.with_suffix(".zip"))):
            return path
    raise MisuseError(f"there are {_MOST_OF_A_NAME} files {name} in {folder}", "Name another folder, or remove some.")


if __name__ == "__main__":
    main()
