"""What the records of a W&B log say of their run, by the field numbers of ``wandb_internal.proto``."""

from __future__ import annotations

import math
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from audit_lab.capture.lineage.mlflow_facts import MOST_POINTS
from audit_lab.capture.lineage.plain_yaml import RefusedError
from audit_lab.capture.lineage.rows import instant_of_ms
from audit_lab.capture.lineage.wandb_log import first, messages, texts
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import parse_json

__all__ = ["Artifact", "RunFacts"]

# Members of Record.
_HISTORY, _SUMMARY, _CONFIG, _ARTIFACT, _RUN, _EXIT, _USED, _ENVIRONMENT = 2, 3, 5, 8, 17, 18, 25, 26
# Members of RunRecord, RunExitRecord, EnvironmentRecord, ArtifactRecord, UseArtifactRecord and of an item.
_ID, _PROJECT, _RUN_CONFIG, _START, _GIT = 1, 3, 4, 17, 21
_SAID = {6: "group", 7: "job_type", 8: "name", 9: "notes", 12: "sweep"}
_TAGS = 10
_EXIT_CODE, _RUNTIME = 1, 2
_PLACES = {1: "os", 2: "python", 4: "docker", 18: "gpu", 25: "cuda"}
_COUNTS = {16: "cpu_count", 17: "cpu_count_logical", 19: "gpu_count"}
_PROGRAM, _CODE, _ENVIRONMENT_GIT = 6, 7, 9
_UPDATE, _REMOVE, _KEY, _NESTED, _VALUE = 1, 2, 1, 2, 16
_STEP, _COMMIT = 2, 2
_TYPE, _NAME, _DIGEST, _DESCRIPTION, _MANIFEST, _CONTENTS, _SIZE = 4, 5, 6, 7, 12, 4, 4
_USED_ID, _USED_TYPE, _USED_NAME = 1, 2, 3
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_NO_NUMBERS = {b"NaN": "nan", b"Infinity": "inf", b"-Infinity": "-inf"}
_LARGEST_WHOLE, _SIGN = 2**63, 2**64
_MOST_METRICS = 10_000


class Artifact(NamedTuple):
    """Data or a model that a run used, or made."""

    name: str
    version: str
    kind: str | None
    is_made: bool
    description: str | None = None
    size_bytes: int | None = None


class RunFacts:
    """A run, as far as the records of its log were taken."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.is_known = self.is_cut = False
        self.project: str | None = None
        self.commit: str | None = None
        self.program: str | None = None
        self.state: str | None = None
        self.started: datetime | None = None
        self.ended: datetime | None = None
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.environment: dict[str, Any] = {}
        self.said: dict[str, Any] = {}
        self.history: dict[str, deque[list[Any]]] = {}
        self.artifacts: list[Artifact] = []
        self._runtime = 0

    def take(self, content: bytes) -> None:
        """Take one record; what it says later counts.

        Raises
        ------
        RefusedError
            It cannot be read; what was taken before stays.
        """
        record = messages(content)
        self.is_known = True
        for number, take in (
            (_RUN, self._run),
            (_CONFIG, lambda one: _update(self.config, one)),
            (_SUMMARY, lambda one: _update(self.summary, one)),
            (_HISTORY, self._point),
            (_ENVIRONMENT, self._environment),
            (_ARTIFACT, self._made),
            (_USED, self._used),
            (_EXIT, self._exit),
        ):
            for each in record.get(number, ()):
                take(messages(_bytes(each)))

    def _run(self, record: dict[int, list[Any]]) -> None:
        self.run_id = _text(record, _ID) or self.run_id
        self.project = _text(record, _PROJECT) or self.project
        for number, name in _SAID.items():
            if found := _text(record, number):
                self.said[name] = found
        if tags := texts(record, _TAGS):
            self.said["tags"] = tags
        if _RUN_CONFIG in record:
            _update(self.config, messages(_bytes(first(record, _RUN_CONFIG))))
        self.started = _moment(record, _START) or self.started
        self.commit = _text_of(first(record, _GIT, _COMMIT)) or self.commit

    def _environment(self, record: dict[int, list[Any]]) -> None:
        for number, name in _PLACES.items():
            if found := _text(record, number):
                self.environment[name] = found
        for number, name in _COUNTS.items():
            found = first(record, number)
            if isinstance(found, int):
                self.environment[name] = found
        self.program = _text(record, _CODE) or _text(record, _PROGRAM) or self.program
        self.commit = self.commit or _text_of(first(record, _ENVIRONMENT_GIT, _COMMIT))

    def _exit(self, record: dict[int, list[Any]]) -> None:
        code, runtime = first(record, _EXIT_CODE) or 0, first(record, _RUNTIME) or 0
        self.state = "FINISHED" if code == 0 else "FAILED"
        if self.started is not None and isinstance(runtime, int):
            try:
                self.ended = self.started + timedelta(seconds=runtime)
            except OverflowError:
                self.ended = None

    def _point(self, record: dict[int, list[Any]]) -> None:
        """Take what was logged at one step: time in milliseconds, value and step of each number."""
        values = dict(_item(each) for each in record.get(1, ()))
        media = tuple(f"{name.removesuffix('._type')}." for name in values if name.endswith("._type"))
        stamp, step = values.get("_timestamp"), values.get("_step", _signed(first(record, _STEP, 1)))
        at = int(stamp * 1000) if isinstance(stamp, int | float) and abs(stamp) < _LARGEST_WHOLE / 1000 else None
        if at is None or instant_of_ms(at) is None or not isinstance(step, int) or abs(step) >= _LARGEST_WHOLE:
            raise RefusedError("a step of the history without a time and a number")
        for name, value in values.items():
            if name.startswith(("_", *media)) or isinstance(value, bool) or not _is_number(value):
                continue
            if name not in self.history and len(self.history) >= _MOST_METRICS:
                raise RefusedError(f"the run has more than {_MOST_METRICS:,} metrics")
            points = self.history.setdefault(name, deque(maxlen=MOST_POINTS))
            self.is_cut = self.is_cut or len(points) == MOST_POINTS
            points.append([at, value, step])

    def _made(self, record: dict[int, list[Any]]) -> None:
        name, digest = _text(record, _NAME), _text(record, _DIGEST)
        if not name:
            raise RefusedError("an artifact without a name")
        manifest = messages(_bytes(first(record, _MANIFEST) or b""))
        size = sum(_signed(first(messages(_bytes(each)), _SIZE)) for each in manifest.get(_CONTENTS, ()))
        kept = size if 0 <= size < _LARGEST_WHOLE and manifest else None
        described = _text(record, _DESCRIPTION) or None
        self._add(
            Artifact(name, digest, _text(record, _TYPE) or None, is_made=True, description=described, size_bytes=kept)
        )

    def _used(self, record: dict[int, list[Any]]) -> None:
        name, version = _text(record, _USED_NAME), _text(record, _USED_ID)
        if not name and not version:
            raise RefusedError("an artifact that was used, without a name")
        self._add(Artifact(name or version, version, _text(record, _USED_TYPE) or None, is_made=False))

    def _add(self, artifact: Artifact) -> None:
        if artifact not in self.artifacts:
            self.artifacts.append(artifact)


def _update(values: dict[str, Any], record: dict[int, list[Any]]) -> None:
    """Take the updates of a configuration or a summary, and what is removed from it; ``_wandb`` is W&B's own."""
    for each in record.get(_UPDATE, ()):
        name, value = _item(each)
        if name != "_wandb" and not name.startswith("_wandb."):
            values[name] = value
    for each in record.get(_REMOVE, ()):
        values.pop(_name(messages(_bytes(each))), None)


def _item(content: Any) -> tuple[str, Any]:
    item = messages(_bytes(content))
    return _name(item), _value(first(item, _VALUE))


def _name(item: dict[int, list[Any]]) -> str:
    """Return an item's name; of one within another, the names joined by dots."""
    nested = texts(item, _NESTED)
    return ".".join(nested) if nested else _text(item, _KEY)


def _value(content: Any) -> Any:
    if not isinstance(content, bytes):
        return None
    if content in _NO_NUMBERS:
        return _NO_NUMBERS[content]
    try:
        return parse_json(content, "a value")
    except MalformedError:
        # A seed of twenty digits is no fault: what two readers could take differently is kept as the text that it is.
        return content.decode("utf-8", "backslashreplace")


def _is_number(value: Any) -> bool:
    return (
        value in _NO_NUMBERS.values()
        if isinstance(value, str)
        else (isinstance(value, int | float) and math.isfinite(value))
    )


def _moment(record: dict[int, list[Any]], number: int) -> datetime | None:
    seconds, nanos = _signed(first(record, number, 1)), _signed(first(record, number, 2))
    try:
        return _FIRST + timedelta(seconds=seconds, microseconds=nanos // 1000) if seconds else None
    except OverflowError:
        return None


def _signed(value: Any) -> int:
    """Return a whole number of 64 bits as it is meant: the upper half stands for negative ones."""
    whole = value if isinstance(value, int) else 0
    whole %= _SIGN
    return whole - _SIGN if whole >= _LARGEST_WHOLE else whole


def _text(record: dict[int, list[Any]], number: int) -> str:
    return _text_of(first(record, number)) or ""


def _text_of(value: Any) -> str | None:
    if not isinstance(value, bytes):
        return None
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError("it holds a text that is not UTF-8", value) from error


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise RefusedError("it is no message of Protocol Buffers")
    return value
