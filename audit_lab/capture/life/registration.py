"""Register a model version with all that an investigator will ask for, or not at all."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.capture.life.rows import life_rows, node_name, written
from audit_lab.capture.life.said import refuse, registration_faults
from audit_lab.errors import MisuseError
from audit_lab.log.files.durable import sync_folder
from audit_lab.log.index.shelf import table_rows
from audit_lab.log.store import open_store
from audit_lab.seal.digests import folder_digest, sha256_file
from audit_lab.seal.entry_kinds import ModelEntry

if TYPE_CHECKING:
    from audit_lab.log.writing.receipt import Receipt

__all__ = ["MANDATORY", "OUTPUT_KINDS", "record_model"]

#: What a registration must say, with what is asked for.
MANDATORY = {
    "training_cutoff": "up to when the data go that it learnt from",
    "evaluation": "metrics, and on what they were measured",
    "sample_size": "how many rows it learnt from",
    "threshold": "from which score on it decides otherwise; not for labels and regressions",
    "monitoring": "from which drift or error on it is to be looked at",
    "justification": "why this version",
    "intended_use": "what it is for",
    "signature": "its features and output",
    "output_kind": "probability, margin, regression, label or multiclass",
    "artifact_format": "how the artifact is stored",
    "code_commit": "which code made it: here, or in its run",
}
#: What a model can put out, and of which of it nothing stands on either side of a threshold.
OUTPUT_KINDS = ("probability", "margin", "regression", "label", "multiclass")
_WITHOUT_THRESHOLD = frozenset({"label", "regression", "multiclass"})
_FOLDER = "artifacts"


def record_model(
    log: str | Path,
    model: str,
    version: str,
    artifact: str | Path,
    *,
    run_id: str | None = None,
    code_commit: str | None = None,
    packages: tuple[str, ...] = (),
    vault: str | Path | None = None,
    passphrase: bytes | str | None = None,
    **more: Any,
) -> Receipt:
    """Register a model version: its artifact is copied into the log, named by its digest, and bound in the log's tree.

    Parameters
    ----------
    log
        The folder of a sealed log.
    model, version
        What it is called.
    artifact
        A file, or a folder as some formats have.
    run_id
        The run that made it; its code commit counts where none is given.
    code_commit
        The commit of the code that made it, where no run in the log says it.
    packages
        The packages whose exact versions it needs; kept as ``runtime`` unless that is given.
    vault, passphrase
        As for `audit_lab.open_writer`.
    more
        What `MANDATORY` names, and ``changelog``, ``decision_rules``, ``runtime``, ``risk_tier``, ``retirement``; and
        ``supersedes``, which names the registration that this one corrects.

    Raises
    ------
    MisuseError
        Something mandatory is missing, or cannot be (a threshold that is no probability, a cutoff in the future,
        metrics without values): the message lists it all. Or the version is registered already, and nothing is
        said to be corrected. Nothing is in the log then.
    """
    path = Path(artifact)
    digest = _digest(path)
    with written(log, vault=vault, passphrase=passphrase) as writing:
        folder = writing.folder
        commit = code_commit or _commit_of_run(folder, run_id)
        _check(model, version, {**more, "code_commit": commit})
        kept = Path(_FOLDER) / f"{digest[:12]}-{path.name}"
        row = {
            "model_name": model,
            "model_version": version,
            "run_id": run_id,
            "artifact_uri": kept.as_posix(),
            "artifact_sha256": digest,
            "runtime": _runtime(packages),
            **more,
        }
        made = {"model_versions": [row], "lineage": _edges(model, version, run_id, commit, digest)}
        tables = {table: life_rows(table, rows) for table, rows in made.items() if rows}  # refuses before it copies

        def unless_registered() -> dict[str, pl.DataFrame]:
            if more.get("supersedes") is None:
                _check_new(folder, model, version)
            return tables

        unless_registered()
        _keep(path, folder / kept)
        receipt = writing.append_from(unless_registered)
        with writing.writer.turn() as turn:
            turn.seal(
                [
                    ModelEntry(
                        origin=turn.origin,
                        sealed_at=turn.sealed_at,
                        model_name=model,
                        model_version=version,
                        artifact_sha256=digest,
                    )
                ]
            )
        return receipt


def _check(model: str, version: str, said: dict[str, Any]) -> None:
    if not model.strip() or not version.strip():
        raise MisuseError("a registration names no model or no version", "Say which it is.")
    exempt = {"threshold"} if said.get("output_kind") in _WITHOUT_THRESHOLD else set()
    missing = [name for name in MANDATORY if name not in exempt and _is_nothing(said.get(name))]
    if missing:
        listed = "; ".join(f"{name} ({MANDATORY[name]})" for name in missing)
        raise MisuseError(f"{model} {version} cannot be registered without {listed}", "Give what is missing.")
    if said["output_kind"] not in OUTPUT_KINDS:
        message = f"{model} {version} cannot put out {str(said['output_kind'])[:80]!a}"
        raise MisuseError(message, f"An output_kind is one of {', '.join(OUTPUT_KINDS)}.")
    refuse(f"the registration of {model} {version}", registration_faults(said), "Correct what is said of it.")


def _is_nothing(value: Any) -> bool:
    return value in (None, {}, [], ()) or (isinstance(value, str) and not value.strip())


def _check_new(folder: Path, model: str, version: str) -> None:
    """Refuse a version that the registry has: two rows that differ would leave open which of them decided."""
    store = open_store(folder)
    if "model_versions" not in store.source.tables():
        return
    is_it = (pl.col("model_name") == model) & (pl.col("model_version") == version)
    known = table_rows(store, "model_versions", is_it)
    if known.height:
        digest = str(known["artifact_sha256"][-1])[:12]
        raise MisuseError(
            f"{model} {version} is registered already, with the artifact {digest}",
            f"Register another version, or correct what is registered with supersedes={f'{model}@{version}'!r}.",
        )


def _commit_of_run(folder: Path, run_id: str | None) -> str | None:
    if run_id is None:
        return None
    store = open_store(folder)
    if "runs" not in store.source.tables():
        return None
    runs = store.table("runs").collect()
    commits = runs.filter(run_id=run_id)["code_commit"].drop_nulls()
    return str(commits[-1]) if commits.len() else None


def _digest(path: Path) -> str:
    if path.is_dir():
        files = [each for each in sorted(path.rglob("*")) if each.is_file()]
        if any(each.is_symlink() for each in path.rglob("*")):
            raise MisuseError(f"{path} holds a symbolic link", "Register the files themselves.")
        named = {each.relative_to(path).as_posix(): (sha256_file(each), each.stat().st_size) for each in files}
        return folder_digest(named)
    if not path.is_file():
        raise MisuseError(f"there is no artifact {path}", "Name the model's file, or its folder.")
    return sha256_file(path)


def _keep(path: Path, target: Path) -> None:
    """Copy an artifact to where its digest names it; one that is there already stays."""
    if target.exists():
        return
    target.parent.mkdir(exist_ok=True)
    aside = target.with_name(f".{target.name}.new")
    if path.is_dir():
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(path, aside)
    else:
        shutil.copyfile(path, aside)
    aside.rename(target)
    sync_folder(target.parent)


def _runtime(packages: tuple[str, ...]) -> dict[str, Any] | None:
    if not packages:
        return None
    return {
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
    }


def _edges(model: str, version: str, run_id: str | None, commit: str | None, digest: str) -> list[dict[str, Any]]:
    """Return how the version came about, as lineage."""
    node = node_name("model", model, version)
    about: dict[str, Any] = {"at": datetime.now(UTC), "run_id": run_id}
    if run_id is None:  # then the code stands beside the model itself
        to = node_name("commit", str(commit))
        made = {"from_node": node, "to_node": to, "relation": "wasDerivedFrom", "sha256": digest}
        return [{"edge_id": f"{node}>wasDerivedFrom>{to}", **about, **made}]
    edges = [
        {
            **about,
            "from_node": node,
            "to_node": node_name("run", run_id),
            "relation": "wasGeneratedBy",
            "sha256": digest,
        }
    ]
    if commit is not None:
        to = node_name("commit", commit)
        edges.append({**about, "from_node": node_name("run", run_id), "to_node": to, "relation": "wasAssociatedWith"})
    return [{"edge_id": f"{each['from_node']}>{each['relation']}>{each['to_node']}", **each} for each in edges]
