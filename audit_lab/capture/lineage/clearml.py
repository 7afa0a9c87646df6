"""Sessions that ClearML recorded offline: ``task.json`` and ``metrics.jsonl``, in a zip file or its folder.

Form: what ``Task.import_offline_session`` of ClearML reads. Members of a zip file are read by name and never unpacked,
so that no name in it leads anywhere; other members (the log, artifacts) are not opened.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.capture.lineage.mlflow_facts import MOST_POINTS, text_of
from audit_lab.capture.lineage.plain_yaml import MAXIMUM_BYTES, RefusedError, read_bytes
from audit_lab.capture.lineage.rows import Gathering, LineageRows, dataset_name, json_text
from audit_lab.errors import MisuseError
from audit_lab.log.files.zip_faults import ZIP_FAULTS
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["read_clearml_sessions"]

_TASK, _METRICS = "task.json", "metrics.jsonl"
_LARGEST_METRICS_BYTES = 256_000_000
_MOST_MEMBERS, _MOST_METRICS = 100_000, 10_000
_SCALAR, _SINGLE = "training_stats_scalar", -(2**31)
_SEED = ("seed", "random_state")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SAID = ("name", "comment", "status", "binary", "branch", "repository", "entry_point", "working_dir")
_WHOLE = 2**63


def read_clearml_sessions(paths: str | Path | Iterable[str | Path]) -> LineageRows:
    """Read sessions that ClearML recorded offline: zip files, folders of one session, or folders that hold some.

    Raises
    ------
    MisuseError
        A path is neither, or no session is there.

    Notes
    -----
    An artifact is the data set ``PROJECT/KEY`` in the version of its SHA-256. A session does not say when it began or
    ended; the user's name, uncommitted code and previews of artifacts are not taken over.
    """
    gathering = Gathering("clearml", "files and metric points")
    for place in _places([Path(each) for each in ([paths] if isinstance(paths, str | Path) else paths)]):
        _read(place, gathering)
    gathering.note("ClearML sessions do not say when they began and ended: their edges bear no time.")
    return gathering.rows()


def _places(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_file() or (path.is_dir() and (path / _TASK).is_file()):
            found.append(path)
        elif path.is_dir():
            inner = [each for each in sorted(path.iterdir()) if not each.is_symlink()]
            # A session's folder lies beside its zip file: one of them is enough.
            zipped = [each for each in inner if each.is_file() and each.suffix.lower() == ".zip"]
            stems = {each.stem for each in zipped}
            folders = [each for each in inner if each.is_dir() and (each / _TASK).is_file() and each.name not in stems]
            found += [*zipped, *folders]
        else:
            raise MisuseError(f"{path} is neither a file nor a folder", "Name a session's zip file or folder.")
    if not found:
        raise MisuseError(
            f"{', '.join(map(str, paths))} holds no ClearML session",
            "Name the zip file of an offline session, or a folder with such files.",
        )
    return list(dict.fromkeys(found))


def _read(place: Path, gathering: Gathering) -> None:
    gathering.files += 1
    gathering.read += 1
    try:
        content, metrics = _folder(place) if place.is_dir() else _zipped(place)
        task = _task(content)
    except RefusedError as error:
        gathering.refuse(place.name, _TASK, str(error), error.raw, error.size_bytes)
        return
    numbers = _Numbers(place, gathering)
    numbers.take(metrics)
    _emit(str(task["id"]), task, numbers, gathering)


def _folder(place: Path) -> tuple[bytes, bytes]:
    metrics = place / _METRICS
    is_there = metrics.exists() or metrics.is_symlink()
    return read_bytes(place / _TASK), read_bytes(metrics, _LARGEST_METRICS_BYTES) if is_there else b""


def _zipped(place: Path) -> tuple[bytes, bytes]:
    try:
        with zipfile.ZipFile(place) as file:
            return _members(file)
    except RefusedError:
        raise
    except ZIP_FAULTS as error:
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise RefusedError(f"it is no zip file that can be read ({what})") from error


def _members(file: zipfile.ZipFile) -> tuple[bytes, bytes]:
    names = file.namelist()
    if len(names) > _MOST_MEMBERS:
        raise RefusedError(f"it has more than {_MOST_MEMBERS:,} members")
    if names.count(_TASK) != 1 or names.count(_METRICS) > 1:
        raise RefusedError(f"it does not hold {_TASK} once")
    content = _member(file, _TASK, MAXIMUM_BYTES)
    return content, _member(file, _METRICS, _LARGEST_METRICS_BYTES) if _METRICS in names else b""


def _member(file: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return a member's bytes; what its header says of its size is not believed."""
    with file.open(name) as member:
        content = member.read(most + 1)
    if len(content) > most:
        raise RefusedError(f"its {name} is larger than {most:,} bytes", content)
    return content


def _task(content: bytes) -> dict[str, Any]:
    task = _parsed(content)
    if not isinstance(task, dict) or text_of(task, "id") is None:
        raise RefusedError("it is no task with an id", content)
    return task


def _parsed(content: bytes) -> Any:
    try:
        return parse_json(content, "it")
    except MalformedError as error:
        raise RefusedError(error.message, content) from error


class _Numbers:
    """Each metric's history (time in milliseconds, value, step), and the values that stand alone."""

    def __init__(self, place: Path, gathering: Gathering) -> None:
        self._place, self._gathering = place, gathering
        self.found: dict[str, deque[list[Any]]] = {}
        self.summary: dict[str, float | str] = {}

    def take(self, content: bytes) -> None:
        """Take the events of ``metrics.jsonl``: each of its lines is a list of them."""
        self._gathering.files += bool(content)
        for number, line in enumerate(content.split(b"\n"), start=1):
            if not line.strip():
                continue
            try:
                events = _events(line)
            except RefusedError as error:
                self._gathering.read += 1
                self._gathering.refuse(self._place.name, f"{_METRICS} line {number}", str(error), line)
                continue
            for event in events:
                self._event(event, number)

    def _event(self, event: Any, number: int) -> None:
        if isinstance(event, dict) and event.get("type") != _SCALAR:
            self._gathering.note("Plots, images and other events that are no numbers: not taken over.")
            return
        self._gathering.read += 1
        point = _point(event)
        if point is None or (point[0] not in self.found and len(self.found) >= _MOST_METRICS):
            raw = json.dumps(event, sort_keys=True).encode()
            self._gathering.refuse(
                self._place.name,
                f"{_METRICS} line {number}",
                "it is not time, value and step, or one metric too many",
                raw,
            )
        elif point[3] == _SINGLE:
            self.summary[point[0]] = point[2]
        else:
            points = self.found.setdefault(point[0], deque(maxlen=MOST_POINTS))
            if len(points) == MOST_POINTS:
                self._gathering.note(f"Points of a metric beyond the last {MOST_POINTS:,}: not kept.")
            points.append([point[1], point[2], point[3]])


def _events(line: bytes) -> list[Any]:
    events = _parsed(_finite(line))
    if not isinstance(events, list):
        raise RefusedError("it is no list of events", line)
    return events


def _finite(line: bytes) -> bytes:
    """Write numbers that are none, as Python's json does, as texts, outside of texts."""
    if not any(word in line for word in (b"NaN", b"Infinity")):
        return line
    return _BARE.sub(lambda found: found[0] if found[1] is None else b'"' + found[1] + b'"', line)


_BARE = re.compile(rb'"(?:[^"\\]|\\.)*+"|(-?Infinity|NaN)')


def _point(event: Any) -> tuple[str, int, float | str, int] | None:
    """Return name, time, value and step of an event."""
    metric, variant = text_of(event, "metric"), text_of(event, "variant")
    if metric is None:
        return None
    at, step = event.get("timestamp"), event.get("iter", 0)
    try:
        value = float(event.get("value"))
    except (TypeError, ValueError, OverflowError):
        return None
    if any(isinstance(each, bool) or not isinstance(each, int) or abs(each) >= _WHOLE for each in (at, step)):
        return None
    name = f"{metric}/{variant}" if variant and variant != metric else metric
    return name, at, value if math.isfinite(value) else str(value), step


def _emit(task_id: str, task: dict[str, Any], numbers: _Numbers, gathering: Gathering) -> None:
    """Add a task's row, its edges and its data sets."""
    node, project, script = f"run:{task_id}", text_of(task, "project_name"), _object(task, "script")
    commit, shared = text_of(script, "version_num"), {"run_id": task_id}
    used, made = [], []
    for artifact in _list(_object(task, "execution"), "artifacts"):
        key = text_of(artifact, "key")
        if key is None:
            gathering.note("Artifacts without a key: left out.")
            continue
        digest = text_of(artifact, "hash")
        is_sha256 = digest is not None and _SHA256.fullmatch(digest) is not None
        name = f"{project}/{key}" if project else key
        version = f"sha256:{digest}" if is_sha256 else digest or ""
        size = artifact.get("content_size")
        end = gathering.dataset(
            name,
            version,
            uri=text_of(artifact, "uri"),
            sha256=digest if is_sha256 else None,
            source="clearml",
            digest=version or None,
            size_bytes=size if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < _WHOLE else None,
            facets=json_text({"type": text_of(artifact, "type")}) if text_of(artifact, "type") else None,
        )
        if text_of(artifact, "mode") == "input":
            used.append(dataset_name(name, version))
            gathering.edge(node, "used", end, **shared)
        else:
            made.append(dataset_name(name, version))
            gathering.edge(end, "wasGeneratedBy", node, **shared)
    models = [
        text_of(each, "id") or text_of(_object(each, "init"), "name") for each in _list(task, "offline_output_models")
    ]
    for model in filter(None, models):
        gathering.edge(f"logged-model:{task_id}/{model}", "wasGeneratedBy", node, **shared)
    if commit is not None:
        gathering.edge(node, "wasAssociatedWith", f"commit:{commit}", **shared)
    parent = text_of(task, "parent")
    if parent is not None:
        gathering.edge(node, "wasStartedBy", f"run:{parent}", **shared)
    parameters = dict(_parameters(task))
    packages = text_of(_object(script, "requirements"), "pip")
    listed = [line.strip() for line in packages.splitlines()] if packages else []
    kept = {name: found for name in _SAID if (found := text_of(task, name) or text_of(script, name)) is not None}
    if text_of(script, "diff"):
        kept["uncommitted"] = "yes"
        gathering.note("Tasks whose code was changed since its commit: the change itself is not taken over.")
    gathering.run(
        task_id,
        kind="training" if text_of(task, "type") == "training" else None,
        code_commit=commit,
        pipeline_id=project,
        hyperparameters=json_text(parameters),
        seeds=json_text({name: value for name, value in parameters.items() if name.lower().endswith(_SEED)}),
        environment=json_text({"packages": [line for line in listed if line and not line.startswith("#")]}),
        datasets_in=json_text(used),
        datasets_out=json_text(made),
        metrics=json_text({name: list(points) for name, points in numbers.found.items()}),
        facets=json_text({**kept, "tags": _list(task, "tags"), "summary": numbers.summary}),
    )


def _parameters(task: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for section, entries in _object(task, "hyperparams").items():
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            value = entry.get("value") if isinstance(entry, dict) else None
            if isinstance(value, str | int | float | bool):
                yield f"{section}/{name}", str(value)


def _object(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _list(value: dict[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []
