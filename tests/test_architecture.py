"""The shape of the package: imports run one way, each room introduces itself, names do not hide one another."""

from __future__ import annotations

import ast
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import audit_lab

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "audit_lab"
ROOMS = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_MODULE = 400

ONE_WAY = "Imports run one way, low to high"
WITHIN_THE_LOG = "Imports within the log run one way, low to high"
LIGHT_VERIFIER = "The light verifier needs the standard library and cryptography only"


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package in a folder, with the repository's own contracts."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    options = ["--no-cache", "--no-logo", "--config", str(ROOT / "pyproject.toml")]
    return subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def copied(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "audit_lab", ignore=shutil.ignore_patterns("__pycache__", "labextension"))
    return tmp_path


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def offered(path: Path) -> list[str]:
    """Return ``__all__`` of a module, as it is written."""
    for node in parsed(path).body:
        if isinstance(node, ast.Assign) and [getattr(target, "id", None) for target in node.targets] == ["__all__"]:
            return list(ast.literal_eval(node.value))
    return []


def order(name: str) -> tuple[bool, bool, str]:
    """Sort constants before classes before functions."""
    return not name.isupper(), name[0].islower(), name


def test_every_contract_is_kept():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout
    assert f"{ONE_WAY} KEPT" in done.stdout
    assert f"{WITHIN_THE_LOG} KEPT" in done.stdout
    assert f"{LIGHT_VERIFIER} KEPT" in done.stdout


@pytest.mark.parametrize(
    "addition",
    ["import audit_lab.log.schema\n", "\n\ndef late():\n    from audit_lab.log import schema\n\n    return schema\n"],
    ids=["at the top", "inside a function"],
)
def test_a_seal_that_imports_the_log_breaks_the_contract(copied, addition):
    module = copied / "audit_lab" / "seal" / "digests.py"
    module.write_text(module.read_text() + addition)
    done = lint_imports(copied)
    assert done.returncode == 1
    assert f"{ONE_WAY} BROKEN" in done.stdout
    assert "audit_lab.seal.digests -> audit_lab.log.schema" in done.stdout


def test_keys_that_import_a_writer_break_the_contract(copied):
    module = copied / "audit_lab" / "log" / "keys" / "vault.py"
    module.write_text(module.read_text() + "from audit_lab.log.writing import turn\n")
    done = lint_imports(copied)
    assert done.returncode == 1
    assert f"{WITHIN_THE_LOG} BROKEN" in done.stdout


def test_a_verifier_that_imports_polars_breaks_the_contract(copied):
    module = copied / "audit_lab" / "verifier" / "folder.py"
    module.write_text(module.read_text() + "import polars\n")
    done = lint_imports(copied)
    assert done.returncode == 1
    assert f"{LIGHT_VERIFIER} BROKEN" in done.stdout
    assert "audit_lab.verifier.folder -> polars" in done.stdout


def test_every_room_stands_in_a_layer():
    contracts = (ROOT / "pyproject.toml").read_text()
    assert [room.name for room in ROOMS if f"audit_lab.{room.name}" not in contracts] == []


def test_every_module_introduces_itself():
    first = {relative(path): (ast.get_docstring(parsed(path)) or "").split("\n\n")[0] for path in MODULES}
    assert [name for name, sentence in first.items() if not sentence.endswith(".")] == []


def test_a_module_is_read_in_one_sitting():
    lines = {relative(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: count for name, count in lines.items() if count > LONGEST_MODULE} == {}


def test_what_a_module_offers_is_listed_in_order():
    assert [relative(path) for path in MODULES if (names := offered(path)) != sorted(set(names), key=order)] == []


def test_a_public_name_is_never_also_a_module():
    """A submodule, once imported, would replace the function of its name in the package."""
    modules = {path.stem if path.is_file() else path.name for path in PACKAGE.iterdir()}
    assert set(audit_lab.__all__) & modules == {"charts"}
    assert audit_lab.charts is importlib.import_module("audit_lab.charts")


def test_a_function_of_a_room_is_never_also_a_module_of_it():
    for room in ROOMS:
        module = importlib.import_module(f"audit_lab.{room.name}")
        names = {name for name in getattr(module, "__all__", ()) if callable(getattr(module, name))}
        assert names & {path.stem for path in room.glob("*.py")} == set(), room.name


def test_every_public_name_is_there():
    for name in audit_lab.__all__:
        assert getattr(audit_lab, name) is not None
    assert set(audit_lab.__all__) <= set(dir(audit_lab))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = audit_lab.nonsense
