"""A package whose tasks misbehave, and the ways in which a child can be started."""

from __future__ import annotations

import compileall
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest

from audit_lab.sandbox import Limits, PythonEnvironment, bubblewrap, launch, run, run_task, surroundings

HERE = Path(__file__).parent
#: Debian's own interpreter lies where any user can read it, as does the environment of a checkout.
SYSTEM_PYTHON = Path("/usr/bin/python3")


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """Copy what a child needs of the package, and add the probes."""
    copied = tmp_path_factory.mktemp("project") / "audit_lab"
    shutil.copytree(surroundings.PACKAGE / "sandbox", copied / "sandbox", ignore=shutil.ignore_patterns("__pycache__"))
    for source in ("__init__.py", "errors.py"):
        shutil.copy(surroundings.PACKAGE / source, copied)
    for source in ("probes.py", "libraries.py", "greedy.py"):
        shutil.copy(HERE / source, copied)
    compileall.compile_dir(copied, quiet=2)
    return copied


@pytest.fixture
def probes(package, monkeypatch):
    monkeypatch.setattr(surroundings, "PACKAGE", package)


@pytest.fixture
def fresh(monkeypatch):
    """Forget what was found out about this machine, before and after."""
    monkeypatch.setattr(launch, "_refused", {})
    run._offer.cache_clear()
    yield
    run._offer.cache_clear()


@pytest.fixture
def without_bubblewrap(fresh, monkeypatch):
    monkeypatch.setattr(bubblewrap, "program", lambda: None)


@pytest.fixture(params=["bubblewrap", "itself"])
def way(request, fresh, monkeypatch):
    """Start children with bubblewrap, and without."""
    if request.param == "itself":
        monkeypatch.setattr(bubblewrap, "program", lambda: None)
    elif bubblewrap.program() is None:
        pytest.skip("bubblewrap is not installed")
    return request.param


@pytest.fixture
def probe(probes):
    """Return a function that runs one of the probes in a child of its own."""

    def start(name, header=None, *, tables=None, files=None, environment=None, **limits):
        return run_task(
            f"audit_lab.probes:{name}",
            header=header or {},
            tables=tables or {},
            files=files or {},
            limits=Limits(**limits),
            environment=environment,
        )

    return start


@pytest.fixture
def foreign():
    """Return another interpreter's environment, with the libraries of this one as its overlay."""
    if not SYSTEM_PYTHON.exists():
        pytest.skip("there is no second interpreter")
    libraries = Path(pl.__file__).parents[1]
    if f"python{sys.version_info[0]}.{sys.version_info[1]}" not in SYSTEM_PYTHON.resolve().name:
        pytest.skip("the second interpreter cannot load the libraries of this one")
    return PythonEnvironment("the system's own", SYSTEM_PYTHON, overlay=(libraries,))
