"""Runs that W&B recorded offline: their log, or the files that older releases wrote beside it.

Layout: ``wandb/offline-run-TIME-ID/`` (or ``run-TIME-ID/``) with ``run-ID.wandb`` and ``files/`` (``config.yaml``,
``wandb-metadata.json``, ``wandb-summary.json``, ``requirements.txt``). Of a run that recent releases (seen: 0.31)
recorded offline there are the log and ``requirements.txt`` alone; where both say something, the log counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from audit_lab.capture.lineage.mlflow_facts import MOST_POINTS
from audit_lab.capture.lineage.plain_yaml import RefusedError, parse_yaml, read_bytes
from audit_lab.capture.lineage.rows import Gathering, LineageRows, dataset_name, instant, json_text
from audit_lab.capture.lineage.wandb_log import records
from audit_lab.capture.lineage.wandb_records import RunFacts
from audit_lab.errors import MisuseError
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["read_wandb_runs"]

_FOLDER = re.compile(r"(?:offline-)?run-[0-9]{8}_[0-9]{6}-(?P<id>[^/\\]{1,128})")
_LOG = "run-{}.wandb"
_SEED = ("seed", "random_state")
_MOST_REQUIREMENTS = 10_000
#: Of what a run says of its machine and its program; neither a host's nor a user's name, nor command line arguments.
_KEPT = ("os", "python", "docker", "cuda", "gpu", "gpu_count", "cpu_count", "cpu_count_logical")


@dataclass
class _Files:
    """What the files beside a run's log say."""

    config: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    requirements: list[str] = field(default_factory=list)


def read_wandb_runs(paths: str | Path | Iterable[str | Path]) -> LineageRows:
    """Read runs that W&B recorded offline: folders of runs, or of a ``wandb`` that holds some.

    Parameters
    ----------
    paths
        Links are not followed, media and artifacts not opened, and nothing is executed.

    Raises
    ------
    MisuseError
        A path is no folder, or no run is there.

    Notes
    -----
    An artifact of the type ``model`` is a logged model, any other a data set; its version is the digest that W&B took
    of its manifest. Neither the user's name nor the machine's is taken over.
    """
    gathering = Gathering("wandb", "records of logs and files")
    folders = _folders([Path(each) for each in ([paths] if isinstance(paths, str | Path) else paths)], gathering)
    for folder, run_id in folders:
        _read(folder, run_id, gathering)
    return gathering.rows()


def _folders(paths: list[Path], gathering: Gathering) -> list[tuple[Path, str]]:
    found: dict[Path, str] = {}
    for path in paths:
        if not path.is_dir():
            raise MisuseError(f"{path} is no folder", "Name a wandb folder, or that of a run in it.")
        here = [path] if _FOLDER.fullmatch(path.name) else sorted(path.iterdir())
        for each in here:
            named = _FOLDER.fullmatch(each.name)
            if named is None:
                continue
            if each.is_symlink() and each not in paths:
                gathering.note("Symbolic links were not followed.")
            elif each.is_dir():
                found[each] = named["id"]
    if not found:
        raise MisuseError(
            f"{', '.join(map(str, paths))} holds no run of W&B",
            "Name a wandb folder, or a folder offline-run-TIME-ID in it.",
        )
    return list(found.items())


def _read(folder: Path, run_id: str, gathering: Gathering) -> None:
    files, facts = _Files(), RunFacts(run_id)
    _read_log(folder, run_id, facts, gathering)
    _read_files(folder, files, gathering)
    _emit(folder, files, facts, gathering)


def _read_log(folder: Path, run_id: str, facts: RunFacts, gathering: Gathering) -> None:
    path = folder / _LOG.format(run_id)
    if not path.exists() and not path.is_symlink():
        gathering.note("Runs without their .wandb log: histories and artifacts are not in the rows.")
        return
    gathering.files += 1
    number = 0
    try:
        with _opened(path) as file:
            for content in records(file):
                number += 1
                gathering.read += 1
                try:
                    facts.take(content)
                except RefusedError as error:
                    gathering.refuse(f"{folder.name}/{path.name}", f"record {number}", str(error), content)
    except (RefusedError, OSError) as error:
        gathering.read += 1
        reason = str(error) if isinstance(error, RefusedError) else f"it cannot be read: {error.strerror or error}"
        raw = error.raw if isinstance(error, RefusedError) else b""
        gathering.refuse(f"{folder.name}/{path.name}", f"behind record {number}", reason, raw)


def _opened(path: Path) -> BinaryIO:
    if path.is_symlink() or not path.is_file():
        raise RefusedError("it is no regular file")
    return path.open("rb")


def _read_files(folder: Path, files: _Files, gathering: Gathering) -> None:
    read: dict[str, Callable[[bytes], None]] = {
        "config.yaml": lambda content: files.config.update(_config(parse_yaml(content))),
        "wandb-metadata.json": lambda content: files.metadata.update(_object(content)),
        "wandb-summary.json": lambda content: files.summary.update(_object(content)),
        "requirements.txt": lambda content: files.requirements.extend(_requirements(content)),
    }
    beside = folder / "files"
    if beside.is_symlink():
        gathering.note("Symbolic links were not followed.")
        return
    for name, take in read.items():
        path = beside / name
        if not path.exists() and not path.is_symlink():
            continue
        gathering.files += 1
        gathering.read += 1
        try:
            take(read_bytes(path))
        except RefusedError as error:
            gathering.refuse(f"{folder.name}/files/{name}", "the file", str(error), error.raw, error.size_bytes)


def _config(document: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a ``config.yaml``, in which each stands beside its description."""
    return {
        name: entry["value"]
        for name, entry in document.items()
        if isinstance(entry, dict) and "value" in entry and name != "_wandb"
    }


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = parse_json(content, "it")
    except MalformedError as error:
        raise RefusedError(error.message, content) from error
    if not isinstance(value, dict):
        raise RefusedError("it is no object", content)
    return value


def _requirements(content: bytes) -> list[str]:
    try:
        lines = [line.strip() for line in content.decode("utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise RefusedError(f"it is not UTF-8 at byte {error.start}", content) from error
    if len(lines) > _MOST_REQUIREMENTS:
        raise RefusedError(f"it has more than {_MOST_REQUIREMENTS:,} lines", content)
    return sorted(line for line in lines if line)


def _emit(folder: Path, files: _Files, facts: RunFacts, gathering: Gathering) -> None:
    """Add a run's row, its edges and its data sets."""
    run_id, git = facts.run_id, files.metadata.get("git")
    commit = facts.commit or (git.get("commit") if isinstance(git, dict) else None)
    commit = commit if isinstance(commit, str) and commit else None
    started = facts.started or instant(files.metadata.get("startedAt"))
    node, shared = f"run:{run_id}", {"run_id": run_id}
    used: list[str] = []
    made: list[str] = []
    models = []
    for artifact in facts.artifacts:
        if artifact.kind == "model" and artifact.is_made:
            models.append(artifact)
            end = f"logged-model:{artifact.name}@{artifact.version}"
        else:
            end = gathering.dataset(
                artifact.name,
                artifact.version,
                source="wandb",
                digest=f"wandb:{artifact.version}" if artifact.is_made else None,
                size_bytes=artifact.size_bytes,
                description=artifact.description,
                facets=json_text({"type": artifact.kind}) if artifact.kind else None,
            )
            (made if artifact.is_made else used).append(dataset_name(artifact.name, artifact.version))
        if artifact.is_made:
            gathering.edge(end, "wasGeneratedBy", node, at=facts.ended or started, **shared)
        else:
            gathering.edge(node, "used", end, at=started, **shared)
    if commit is not None:
        gathering.edge(node, "wasAssociatedWith", f"commit:{commit}", at=started, **shared)
    if facts.is_known and facts.state is None:
        gathering.note("Runs whose log has no end: they may have gone on, or been killed.")
    if facts.is_cut:
        gathering.note(f"Metrics with more than {MOST_POINTS:,} points: the last {MOST_POINTS:,} kept.")
    config = {**files.config, **facts.config}
    environment = {name: files.metadata[name] for name in _KEPT if name in files.metadata} | facts.environment
    if files.requirements:
        environment["packages"] = files.requirements
    summary = {name: value for name, value in {**files.summary, **facts.summary}.items() if not name.startswith("_")}
    program = facts.program or files.metadata.get("codePath") or files.metadata.get("program")
    gathering.run(
        run_id,
        kind="training" if models else None,
        started_at=started,
        ended_at=facts.ended,
        code_commit=commit,
        pipeline_id=facts.project,
        hyperparameters=json_text(config),
        seeds=json_text({name: value for name, value in config.items() if name.lower().endswith(_SEED)}),
        environment=json_text(environment),
        datasets_in=json_text(used),
        datasets_out=json_text(made),
        metrics=json_text({name: list(points) for name, points in facts.history.items()}),
        state=facts.state,
        facets=json_text({**facts.said, "summary": summary, "program": program, "folder": folder.name}),
    )
