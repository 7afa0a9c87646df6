"""The folders of an MLflow file store, walked without following anything out of them.

Layout: `mlflow/store/tracking/file_store.py` and `mlflow/store/model_registry/file_store.py` of MLflow 2 and 3:
``EXPERIMENT/meta.yaml``, ``EXPERIMENT/RUN/meta.yaml`` with ``params/``, ``metrics/``, ``tags/``, ``inputs/`` and
``outputs/``, ``EXPERIMENT/datasets/ID/meta.yaml``, ``EXPERIMENT/models/ID/meta.yaml``, and the registry's
``models/NAME/meta.yaml`` and ``models/NAME/version-N/meta.yaml``. Of the artifacts the ``MLmodel`` of a model is read:
``EXPERIMENT/models/ID/artifacts/MLmodel``, or what MLflow 2 wrote below ``EXPERIMENT/RUN/artifacts``.
"""

from __future__ import annotations

import math
import os
import re
from collections import deque
from typing import TYPE_CHECKING, Any

from audit_lab.capture.lineage.event_files import skip_line
from audit_lab.capture.lineage.mlflow_facts import MOST_POINTS
from audit_lab.capture.lineage.mlflow_models import MLMODEL, MOST_BYTES, described_model
from audit_lab.capture.lineage.plain_yaml import MAXIMUM_BYTES, RefusedError, parse_yaml, read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from audit_lab.capture.lineage.rows import Gathering

__all__ = ["StoreFiles"]

META = "meta.yaml"
#: What MLflow calls things by itself: hexadecimal digits, or those behind a letter.
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_MOST_ENTRIES = 500_000
_DEEPEST_NAME = 8
_LONGEST_VALUE_BYTES = 1_000_000
_LONGEST_LINE_BYTES = 4_096
#: What follows in a line that is longer is passed over in steps.
_STEP_BYTES = 1_000_000


class StoreFiles:
    """Reads the files of one store; whatever cannot be taken over is refused, and the rest is read."""

    def __init__(self, root: Path, gathering: Gathering) -> None:
        self._root = root
        self._gathering = gathering
        self._entries = 0

    def folders(self, folder: Path) -> list[Path]:
        """Return a folder's own folders, in order of name; links are noted and not followed."""
        return [each for each in self._listed(folder) if each.is_dir()]

    def meta(self, folder: Path) -> dict[str, Any] | None:
        """Return what a folder's ``meta.yaml`` says; None where there is none, or it was refused."""
        return self._read(folder / META, parse_yaml, MAXIMUM_BYTES)

    def model(self, folder: Path) -> dict[str, Any] | None:
        """Return what a folder's ``MLmodel`` says; None where there is none, or it was refused."""
        return self._read(folder / MLMODEL, described_model, MOST_BYTES)

    def model_within(self, folder: Path, path: str) -> dict[str, Any] | None:
        """Return what the ``MLmodel`` in a folder below one says; None also where the path would lead elsewhere."""
        found: Path | None = folder
        for part in path.split("/"):
            found = None if found is None else self.named(found, part)
        return None if found is None else self.model(found)

    def _read(self, path: Path, parse: Callable[[bytes], dict[str, Any]], most: int) -> dict[str, Any] | None:
        if not path.exists() and not path.is_symlink():
            return None
        self._opened()
        try:
            return parse(read_bytes(path, most))
        except RefusedError as error:
            self._refuse(path, "the file", error)
            return None

    def named(self, folder: Path, name: Any) -> Path | None:
        """Return the folder of a name that a file gives; None where the name would lead elsewhere or to nothing."""
        if not isinstance(name, str) or not _PART.fullmatch(name):
            return None
        path = folder / name
        return path if path.is_dir() and not path.is_symlink() else None

    def values(self, folder: Path) -> dict[str, str]:
        """Return the files of a folder as name and text: an MLflow name with a ``/`` is a file in a folder."""
        found = {}
        for name, path in self._files(folder):
            self._opened()
            try:
                found[name] = read_bytes(path, _LONGEST_VALUE_BYTES).decode("utf-8")
            except UnicodeDecodeError:
                self._refuse(path, "the file", RefusedError("it is not UTF-8", path.read_bytes()))
            except RefusedError as error:
                self._refuse(path, "the file", error)
        return found

    def metrics(self, folder: Path) -> dict[str, list[list[Any]]]:
        """Return each metric's history: time in milliseconds, value and step; a line is a record."""
        found = {}
        for name, path in self._files(folder):
            self._gathering.files += 1
            points, count = deque[list[Any]](maxlen=MOST_POINTS), 0
            for point in self._points(path):
                points.append(point)
                count += 1
            if count > MOST_POINTS:
                self._gathering.note(f"Metrics with more than {MOST_POINTS:,} points: the last {MOST_POINTS:,} kept.")
            if points:
                found[name] = list(points)
        return found

    def place(self, path: Path) -> str:
        """Return a path as it is called in the report: inside the store."""
        return path.relative_to(self._root).as_posix() or "."

    def _points(self, path: Path) -> Iterator[list[Any]]:
        try:
            with path.open("rb") as file:
                number = 0
                while line := file.readline(_LONGEST_LINE_BYTES + 1):
                    number += 1
                    size = len(line) + (skip_line(file, _STEP_BYTES) if _goes_on(line) else 0)
                    if line.strip() or size > len(line):
                        self._gathering.read += 1
                        point = _point(line) if size <= _LONGEST_LINE_BYTES else None
                        if point is None:
                            error = RefusedError("it is not time, value and step", line, size)
                            self._refuse(path, f"line {number}", error)
                        else:
                            yield point
        except OSError as error:
            self._gathering.read += 1
            self._refuse(path, "the file", RefusedError(f"it cannot be read: {error.strerror or error}"))

    def _files(self, folder: Path, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Path]]:
        for path in self._listed(folder) if folder.is_dir() and not folder.is_symlink() else ():
            name = f"{prefix}{path.name}"
            if path.is_dir():
                if depth < _DEEPEST_NAME:
                    yield from self._files(path, f"{name}/", depth + 1)
                else:
                    self._gathering.note(f"Folders in folders more than {_DEEPEST_NAME} deep were not read.")
            elif path.is_file():
                yield name, path

    def _listed(self, folder: Path) -> Iterator[Path]:
        try:
            entries = sorted(os.scandir(folder), key=lambda each: each.name)
        except OSError as error:
            self._gathering.note(f"A folder cannot be read: {error.strerror or error}.")
            return
        for entry in entries:
            self._entries += 1
            if self._entries > _MOST_ENTRIES:
                self._gathering.note(f"The folder holds more than {_MOST_ENTRIES:,} entries: the rest was not read.")
                return
            path = folder / entry.name
            if entry.is_symlink():
                self._gathering.note("Symbolic links were not followed.")
            elif not _is_text(entry.name):
                self._gathering.read += 1
                self._gathering.refuse(
                    self.place(folder), ascii(entry.name), "its name is not UTF-8", os.fsencode(entry.name)
                )
            else:
                yield path

    def _opened(self) -> None:
        self._gathering.files += 1
        self._gathering.read += 1

    def _refuse(self, path: Path, place: str, error: RefusedError) -> None:
        self._gathering.refuse(self.place(path), place, str(error), error.raw, error.size_bytes)


def _goes_on(line: bytes) -> bool:
    return len(line) > _LONGEST_LINE_BYTES and not line.endswith(b"\n")


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _point(line: bytes) -> list[Any] | None:
    """Return time, value and step of a metric's line; a value that is no finite number as text."""
    parts = line.split()
    try:
        at, value, step = int(parts[0]), float(parts[1]), int(parts[2]) if len(parts) > 2 else 0  # noqa: PLR2004
    except (ValueError, IndexError):
        return None
    if max(abs(at), abs(step)) >= 2**63:
        return None
    return [at, value if math.isfinite(value) else str(value), step]
