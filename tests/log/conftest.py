"""Fixtures of the log's tests: a time-stamping authority, and a small sealed log that a test may damage."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from audit_lab.log.index.index_file import index_files, index_path

sys.path.insert(0, str(Path(__file__).parents[1]))
from local_authority import LocalAuthority, make_local_authority

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_INPUTS = "inputs/loans"


@pytest.fixture(scope="session")
def make_authority(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LocalAuthority]:
    """Return a function that sets up a time-stamping authority with a root of its own."""

    def make(name: str, accuracy: str = "") -> LocalAuthority:
        return make_local_authority(tmp_path_factory.mktemp("authorities") / name, accuracy)

    return make


@pytest.fixture(scope="session")
def authority(make_authority: Callable[[str], LocalAuthority]) -> LocalAuthority:
    return make_authority("trusted-clock")


@pytest.fixture(scope="session")
def other_authority(make_authority: Callable[[str], LocalAuthority]) -> LocalAuthority:
    return make_authority("another-clock")


@pytest.fixture
def segmented_log(
    make_log: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Return a function that writes the small log as several segments, found by index although it is small.

    It takes tables, each with the frames of its segments, beside or instead of the predictions and inputs in segments
    of 15, 15 and 10 rows. With `indexes` each segment has its indexes in the log. The user's caches are in `tmp_path`.
    """
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setattr("audit_lab.log.index.shelf._MOST_ROWS", 0)

    def make(name: str = "log", *, indexes: bool = True, **tables: list[pl.DataFrame]) -> Path:
        folder = make_log(name)
        manifest = json.loads((folder / "manifest.json").read_text())
        whole = {table: pl.read_parquet(folder / table / "part-00000.parquet") for table in ("predictions", _INPUTS)}
        cut = {table: [frame[:15], frame[15:30], frame[30:]] for table, frame in whole.items()}
        for table, frames in (
            cut | {key.replace("inputs_", "inputs/"): given for key, given in tables.items()}
        ).items():
            entries = [_write_segment(folder, table, n, frame, indexes) for n, frame in enumerate(frames)]
            manifest["tables"][table] = {"segments": entries}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    return make


def _write_segment(folder: Path, table: str, number: int, frame: pl.DataFrame, indexes: bool) -> dict[str, object]:  # noqa: FBT001
    path = folder / table / f"part-{number:05d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    for column, content in index_files(table, frame, digest).items() if indexes else ():
        index = folder / index_path(table, path.stem, column)
        index.parent.mkdir(parents=True, exist_ok=True)
        index.write_bytes(content)
    return {
        "path": path.relative_to(folder).as_posix(),
        "rows": frame.height,
        "size_bytes": path.stat().st_size,
        "sha256": digest,
        "first_time": None,
        "last_time": None,
    }


@pytest.fixture(scope="session")
def small_log() -> ModuleType:
    """Return the module with the small sealed log that attack tests damage."""
    return _support("small_sealed_log")


@pytest.fixture(scope="session")
def parquet_footer() -> ModuleType:
    """Return the module that edits the footers of Parquet files."""
    return _support("parquet_footer")


@pytest.fixture(scope="session")
def sealed_log_once(small_log: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A sealed log of three appends, made once; nobody changes it."""
    return small_log.make(tmp_path_factory.mktemp("sealed"))


@pytest.fixture
def sealed_log(sealed_log_once: Any, tmp_path: Path) -> Any:
    """A sealed log that the test may damage: ten predictions in each of three segments, and a registry."""
    return sealed_log_once.copy(tmp_path)


def _support(name: str) -> ModuleType:
    """Load a module that stands beside the tests: they are no package."""
    spec = importlib.util.spec_from_file_location(f"log_tests_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def simulated() -> ModuleType:
    """Return the module with the disk in memory."""
    return _support("simulated_disk")


@pytest.fixture(scope="session")
def sealed() -> ModuleType:
    """Return the module with the vault in memory and the check of a sealed log."""
    return _support("sealed_log")
