"""What a bundle says of the environment that its notebook ran in."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import zipfile

from audit_lab.evidence.environment import environment_facts, environment_lock
from audit_lab.evidence.export import export_case
from audit_lab.replay.environment.package_files import files_digest

RECORD = """polars/__init__.py,sha256=AAA,10
polars-2.1.0.dist-info/INSTALLER,sha256=BBB,2
polars-2.1.0.dist-info/RECORD,,
../../../bin/polars,sha256=CCC,9
polars/a.py,sha256=DDD,1
"""


def test_it_names_exact_versions_and_what_was_installed():
    facts = environment_facts()
    assert facts["packages"]["polars"] == importlib.metadata.version("polars")
    assert len(facts["package_sha256"]["polars"]) == len(facts["library_sha256"]) == 64
    assert facts["package_sha256"].keys() <= facts["packages"].keys()
    assert facts["python"] == platform.python_version()


def test_the_digest_of_a_package_is_of_its_files_whoever_installed_it():
    by_another = RECORD.replace("BBB", "EEE").replace("CCC", "FFF").splitlines(keepends=True)
    assert files_digest(RECORD) == files_digest("".join(reversed(by_another)))
    assert files_digest(RECORD) != files_digest(RECORD.replace("DDD", "GGG"))
    assert files_digest("a.pth,,\n") == ""


def test_it_names_no_host_user_or_path():
    said = json.dumps(environment_facts())
    for private in (sys.prefix, os.path.expanduser("~/"), f'"{platform.node()}"'):  # noqa: PTH111
        assert private not in said


def test_seeds_and_thread_counts_are_stated():
    settings = environment_facts()["kernel_settings"]
    assert settings["PYTHONHASHSEED"] == "0"
    assert {value for name, value in settings.items() if name != "PYTHONHASHSEED"} == {"2"}


def test_pip_reads_the_lock_and_finds_everything_installed(tmp_path):
    content = environment_lock().decode()
    assert content.startswith(f"# CPython {platform.python_version()}, ")
    assert f"\npolars=={importlib.metadata.version('polars')}\n" in content
    (tmp_path / "requirements.txt").write_text("".join(content.splitlines(keepends=True)[:20]))
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--dry-run", "-r", "requirements.txt"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Would install" not in done.stdout


def test_where_no_kernel_ran_no_setting_of_one_is_stated(case, key, tmp_path):
    with zipfile.ZipFile(export_case(case, tmp_path / "out", key=key)) as bundle:
        facts = json.loads(bundle.read("data/environment/environment.json"))
    assert facts["kernel_settings"] == {}
    assert facts["packages"] == environment_facts()["packages"]
