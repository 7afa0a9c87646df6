"""The sandbox's child runs in environments that hold the recorded packages, polars, and nothing else of ours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import audit_lab

#: Run in an interpreter where every other import fails as if it were not installed.
_PROGRAM = """
import importlib, json, sys

sys.path.insert(0, sys.argv[1])
allowed = {"audit_lab", "polars", "numpy", *sys.stdlib_module_names, *json.loads(sys.argv[2])}


class OnlyThese:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in allowed and not top.startswith(("_polars_runtime", "_sysconfigdata")):
            raise ModuleNotFoundError(f"No module named {top!r}", name=top)
        return None


sys.meta_path.insert(0, OnlyThese())
for name in json.loads(sys.argv[3]):
    importlib.import_module(name)
exec(sys.argv[4])
print(json.dumps(sorted(name for name in sys.modules if name.startswith("audit_lab."))))
"""

#: What the child imports in any environment, before and for a task.
CHILD = [
    "audit_lab.sandbox.worker",
    "audit_lab.sandbox.walls.shut",
    "audit_lab.sandbox.probe",
    "audit_lab.replay.scoring",
    "audit_lab.replay.environment.fingerprint_task",
]


def imported(modules, code="pass", allowed=()):
    """Return the modules of ours that were loaded, where only the standard library, polars and numpy are there."""
    root = Path(audit_lab.__file__).parents[1]
    command = [sys.executable, "-I", "-c", _PROGRAM, str(root), json.dumps(allowed), json.dumps(modules), code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", CHILD)
def test_the_child_imports_nothing_that_an_environment_may_lack(module):
    assert module in imported([module])


def test_the_test_would_notice_an_import_that_is_not_there():
    with pytest.raises(AssertionError, match="No module named 'narwhals'"):
        imported(["audit_lab.replay.decision_rules"], "import narwhals")


def test_a_fingerprint_is_taken_without_threadpoolctl():
    code = """
import numpy
from audit_lab.replay.environment.fingerprint_task import present_fingerprint
fingerprint = present_fingerprint()
assert fingerprint.openmp is None and set(fingerprint.threads) == {"processors"}
assert [library.bundled_with for library in fingerprint.blas] == ["numpy"]
"""
    assert "audit_lab.replay.environment.fingerprint" in imported(CHILD, code)


def test_a_fingerprint_is_taken_without_numpy_too():
    code = """
import sys
from audit_lab.replay.environment.fingerprint_task import present_fingerprint
assert "numpy" not in sys.modules
fingerprint = present_fingerprint()
assert fingerprint.blas is None and fingerprint.python
"""
    imported(["audit_lab.replay.environment.fingerprint_task"], code)
