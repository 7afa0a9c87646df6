from __future__ import annotations

import json
import os
import sys

import pytest

from audit_lab.errors import ModelError
from audit_lab.replay.environment import uv_command
from audit_lab.replay.environment.interpreters import find_interpreter
from audit_lab.replay.environment.uv_command import Outcome, Uv

SHOW = (
    "#!/usr/bin/env python3\nimport json, os, sys\nprint(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]))\n"
)


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """Return a function that runs a uv which tells its arguments, its environment and where it stands."""
    program = tmp_path / "uv"
    program.write_text(SHOW.replace("/usr/bin/env python3", sys.executable))
    program.chmod(0o755)
    monkeypatch.setattr("uv.find_uv_bin", lambda: str(program))
    empty = tmp_path / "empty"
    empty.mkdir()

    def run(*arguments, **options):
        done = Uv(empty, **options).run(*arguments)
        assert done.done, done.error
        return json.loads(done.out)

    return run


def test_uv_starts_in_the_folder_that_it_is_given(shown, tmp_path):
    assert shown("pip")[2] == str(tmp_path / "empty")


def test_what_could_change_what_is_installed_does_not_pass(shown, monkeypatch):
    for name in ("UV_OVERRIDE", "UV_CONSTRAINT", "UV_NO_BINARY", "UV_PRERELEASE", "UV_CONFIG_FILE", "PYTHONPATH"):
        monkeypatch.setenv(name, "x")
    passed = shown("pip")[1]
    assert {name for name in passed if name.startswith(("UV_", "PYTHON"))} == {"UV_SYSTEM_CERTS"}


def test_where_registries_are_and_what_is_trusted_does_pass(shown, monkeypatch):
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_CORP_PASSWORD", "HTTPS_PROXY", "SSL_CERT_FILE", "UV_CACHE_DIR"):
        monkeypatch.setenv(name, f"of {name}")
    passed = shown("pip")[1]
    assert passed["UV_INDEX_CORP_PASSWORD"] == "of UV_INDEX_CORP_PASSWORD"
    assert {"UV_DEFAULT_INDEX", "HTTPS_PROXY", "SSL_CERT_FILE", "UV_CACHE_DIR"} <= passed.keys()
    assert passed["UV_SYSTEM_CERTS"] == "true"


def test_no_configuration_is_read_where_the_user_has_none(shown, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "nothing"))
    monkeypatch.setattr(uv_command, "_machine_configurations", list)
    assert shown("pip", "check")[0] == [
        "--no-config",
        "--no-progress",
        "--color=never",
        "--no-python-downloads",
        "pip",
        "check",
    ]


def test_the_user_s_own_configuration_is_the_only_one(shown, monkeypatch, tmp_path):
    path = tmp_path / "config" / "uv" / "uv.toml"
    path.parent.mkdir(parents=True)
    path.touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert shown("pip")[0][:2] == ["--config-file", str(path)]


def test_the_machine_s_configuration_counts_where_the_user_has_none(shown, monkeypatch, tmp_path):
    path = tmp_path / "xdg" / "uv" / "uv.toml"
    path.parent.mkdir(parents=True)
    path.touch()
    monkeypatch.setenv("XDG_CONFIG_DIRS", f"relative{os.pathsep}{tmp_path / 'xdg'}")
    assert shown("pip")[0][:2] == ["--config-file", str(path)]


def test_offline_is_handed_on(shown):
    assert "--offline" in shown("pip", offline=True)[0]
    assert "--offline" not in shown("pip")[0]


def test_no_interpreter_is_ever_downloaded(shown):
    assert "--no-python-downloads" in shown("venv")[0]


def test_a_reason_holds_no_address_and_no_password():
    outcome = Outcome(2, "", "warning: x\nerror: Failed to fetch: `https://me:secret@host/simple/`\n  cause: refused\n")
    assert outcome.reason == "Failed to fetch: <address> cause: refused"
    assert outcome.unreachable


def test_a_complaint_about_a_version_is_not_one_about_the_network():
    assert not Outcome(1, "", "error: No solution found when resolving dependencies").unreachable


def test_a_uv_that_is_not_there_is_said(monkeypatch, tmp_path):
    def absent():
        raise FileNotFoundError

    monkeypatch.setattr("uv.find_uv_bin", absent)
    with pytest.raises(ModelError, match="is not where its package should have put it"):
        Uv(tmp_path)


def test_the_interpreter_is_the_base_of_the_one_that_runs(tmp_path):
    found = find_interpreter(f"{sys.version_info.major}.{sys.version_info.minor}", Uv(tmp_path, offline=True))
    assert found.path.is_file()
    assert not found.path.is_relative_to(sys.prefix)
    assert str(found.prefix) == sys.base_prefix


def test_an_interpreter_that_pyenv_keeps_is_found(tmp_path, monkeypatch):
    for version, answer in (("3.97.1", "3.97.1"), ("3.97.2", "3.96.0")):
        program = tmp_path / "versions" / version / "bin" / "python3.97"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\necho \'["{answer}", "cpython", "/base"]\'\n')
        program.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    found = find_interpreter("3.97", Uv(tmp_path, offline=True))
    assert found.path == tmp_path / "versions" / "3.97.1" / "bin" / "python3.97"
    assert found.version == "3.97.1"
