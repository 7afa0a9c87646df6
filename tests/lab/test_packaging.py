"""What the wheel says about itself agrees with what the extension says."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import audit_lab.lab

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "extensions" / "labextension"


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def package():
    return json.loads((EXTENSION / "package.json").read_text())


def test_the_two_halves_have_one_version():
    assert package()["version"] == project()["project"]["version"] == audit_lab.__version__


def test_the_front_end_is_installed_under_its_own_name():
    shared = project()["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    name = package()["name"]
    assert shared["audit_lab/labextension"] == f"share/jupyter/labextensions/{name}"
    assert audit_lab.lab._jupyter_labextension_paths() == [{"src": "../labextension", "dest": name}]


def test_the_installed_server_config_enables_the_module_that_is_there():
    config = json.loads((EXTENSION / "jupyter-config" / "server-config" / "audit_lab.json").read_text())
    enabled = config["ServerApp"]["jpserver_extensions"]
    assert enabled == {point["module"]: True for point in audit_lab.lab._jupyter_server_extension_points()}


def test_the_lock_of_the_front_end_names_no_address():
    assert "http" not in (EXTENSION / "yarn.lock").read_text()
