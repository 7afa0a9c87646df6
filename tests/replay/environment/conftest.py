"""A package registry in a folder, made of wheels written by hand: builds are tested without a network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from audit_lab.replay.environment.environment_cache import EnvironmentCache
from audit_lab.replay.environment.fingerprint import Fingerprint
from audit_lab.replay.environment.recorded import RecordedRuntime

if TYPE_CHECKING:
    from pathlib import Path

REGISTERED = datetime(2024, 3, 4, tzinfo=UTC)


def wheel(folder: Path, name: str, version: str, requires=(), files=None) -> Path:
    """Write a wheel of pure Python; `files` are added as they are named."""
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Requires-Dist: {each}" for each in requires]
    content = {
        f"{name.replace('-', '_')}/__init__.py": f"VERSION = {version!r}\n",
        **(files or {}),
        f"{stem}.dist-info/METADATA": "\n".join(metadata) + "\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(text.encode())}\n"
    record += f"{stem}.dist-info/RECORD,,\n"
    target = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in {**content, f"{stem}.dist-info/RECORD": record}.items():
            archive.writestr(path, text)
    return target


class Registry:
    """A registry in a folder (PEP 503), which uv is pointed at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    def add(self, name: str, version: str, requires=(), files=None) -> None:
        place = self.folder / name
        place.mkdir(exist_ok=True)
        wheel(place, name, version, requires, files)
        self.list(name)

    def list(self, name: str, *, digests: bool = True) -> None:
        place, links = self.folder / name, ""
        for path in sorted(place.glob("*-*")):
            digest = f"#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}" if digests else ""
            links += f'<a href="{path.name}{digest}">{path.name}</a>\n'
        (place / "index.html").write_text(f"<!DOCTYPE html><html><body>\n{links}</body></html>\n")


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Return a registry that has numpy 1.0, xgboost 2.1 (which needs it, and scipy) and scipy 1.5."""
    made = Registry(tmp_path / "registry")
    made.add("numpy", "1.0")
    made.add("numpy", "1.1")
    made.add("scipy", "1.5", ["numpy"])
    made.add("xgboost", "2.1", ["numpy", "scipy"])
    monkeypatch.setenv("UV_DEFAULT_INDEX", made.folder.as_uri())
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return made


@pytest.fixture
def cache(tmp_path):
    return EnvironmentCache(tmp_path / "environments")


def runtime(packages, python="3.11.4", artifact_format="xgboost-ubj", registered_at=REGISTERED):
    return RecordedRuntime(
        "model version", Fingerprint(python=python, packages=packages), (), "loans 1", registered_at, artifact_format
    )


@pytest.fixture(scope="session")
def recorded():
    """Return a function that returns what a log would record of these packages."""
    return runtime


@pytest.fixture
def small_child(monkeypatch):
    """Let the child bring along threadpoolctl alone: polars takes most of the time of a small build."""
    monkeypatch.setattr("audit_lab.replay.environment.child_packages.CHILD_PACKAGES", ("threadpoolctl",))
    monkeypatch.setattr("audit_lab.replay.environment.construction.CHILD_PACKAGES", ("threadpoolctl",))
