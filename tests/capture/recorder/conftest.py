"""A sealed log to record into, and what it holds."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import audit_lab as al
from audit_lab.capture.recorder.recorder import Recorder
from audit_lab.capture.recorder.sealing_process import seal_now

if TYPE_CHECKING:
    from types import ModuleType

    import polars as pl

    from audit_lab.capture.recorder.sealer import SealedSpool

MODEL, VERSION = "loans", "7"


class RecordedLog:
    """A sealed log with its vault and spool."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.vault = folder / "log", folder / "vault"
        self.spool = folder / "log.spool"
        al.create_log(self.folder, "demonstration-recorded", vault=self.vault).close()

    def recorder(self, **options) -> Recorder:
        options = {"model": MODEL, "version": VERSION, "vault": self.vault, "seal": False, "gather_s": 0.001, **options}
        return Recorder(self.folder, **options)

    def seal(self) -> SealedSpool:
        return seal_now(self.folder, self.spool, vault=self.vault)

    def table(self, name: str) -> pl.DataFrame:
        return al.open(self.folder)._store.table(name).collect()

    @property
    def predictions(self) -> pl.DataFrame:
        return self.table("predictions")

    @property
    def inputs(self) -> pl.DataFrame:
        return self.table(f"inputs/{MODEL}")


@pytest.fixture(scope="module")
def recorded_for_all(tmp_path_factory) -> RecordedLog:
    """Return a log that the tests of a module share."""
    return RecordedLog(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def recorded(tmp_path) -> RecordedLog:
    return RecordedLog(tmp_path)


@pytest.fixture
def served(recorded, make_log):
    """Return the log with the model that serves, and where the artifact is."""
    made = make_log("made")
    store = al.open(made)._store
    registry = {name: store.table(name).collect() for name in ("model_versions", "deployments")}
    with al.open_writer(recorded.folder, vault=recorded.vault) as writer:
        writer.append({name: frame.drop("_segment", "_row", strict=False) for name, frame in registry.items()})
    shutil.copytree(made / "artifacts", recorded.folder / "artifacts")
    return recorded, recorded.folder / "artifacts" / "loans-1.ubj"


def _support(path: Path) -> ModuleType:
    """Load a module that stands beside tests: they are no package."""
    spec = importlib.util.spec_from_file_location(f"recorder_tests_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def simulated() -> ModuleType:
    """Return the module with the disk in memory, which the log's tests have."""
    return _support(Path(__file__).parents[2] / "log" / "simulated_disk.py")


@pytest.fixture(scope="session")
def watched() -> ModuleType:
    """Return the module that watches the real file system."""
    return _support(Path(__file__).with_name("watched_disk.py"))
