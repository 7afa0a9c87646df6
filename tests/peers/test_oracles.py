"""What is kept of Evidently and NannyML is what they say: asked again, in the environment that the Makefile makes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from oracles import COMMAND, INTERPRETER, ROOT, fresh

_NO_REGISTRY = re.compile(r"dns error|failed to lookup|network is unreachable|connect|timed out", re.IGNORECASE)


def numbers_of(value, name=""):
    """Yield every number and word of a JSON document by its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers_of(inner, f"{name}/{key}")
    elif isinstance(value, list):
        yield name, tuple(value)
    else:
        yield name, value


@pytest.fixture(scope="module")
def installed():
    """Install the peers as ``make peers`` does; where no registry can be reached there is nothing to ask."""
    made = subprocess.run(["make", "peers"], check=False, cwd=ROOT, capture_output=True, text=True, timeout=900)
    told = made.stdout + made.stderr
    if made.returncode and _NO_REGISTRY.search(told):
        pytest.skip(f"no package registry can be reached: {told.strip()[-300:]}")
    assert made.returncode == 0, told


@pytest.mark.soak
def test_asked_again_they_say_what_is_kept(installed, kept, tmp_path):
    now = dict(numbers_of(fresh(tmp_path)))
    before = dict(numbers_of(kept))
    assert now.keys() == before.keys()
    for name, value in before.items():
        # LightGBM adds up in an order of its own on other processors.
        near = 0.02 if "domain_classifier" in name else 1e-9
        assert now[name] == (pytest.approx(value, abs=near) if isinstance(value, float) else value), name


@pytest.mark.soak
def test_neither_opens_a_connection_when_asked(installed, both, tmp_path):
    """Their reports of usage are off: with every connection refused, loudly, the answers come all the same."""
    guard = tmp_path / "sitecustomize.py"
    guard.write_text(
        "import socket, pathlib\n"
        "def refuse(self, address, *rest):\n"
        f"    pathlib.Path({str(tmp_path / 'tried')!r}).write_text(repr(address))\n"
        "    raise OSError('refused')\n"
        "socket.socket.connect = socket.socket.connect_ex = refuse\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    tried = tmp_path / "tried"
    reach = "import socket; socket.create_connection(('127.0.0.1', 9))"
    subprocess.run([ROOT / INTERPRETER, "-c", reach], check=False, capture_output=True, env=environment, timeout=60)
    assert tried.exists()
    tried.unlink()
    for frame, name in zip(both, COMMAND.split()[-3:], strict=False):
        frame.head(2_000).write_parquet(tmp_path / name)
    words = [*COMMAND.split()[:-3], *(str(tmp_path / name) for name in COMMAND.split()[-3:])]
    for what in ("evidently", "nannyml"):
        words[2] = what
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True, env=environment, timeout=900)
        assert json.loads((tmp_path / "out.json").read_text("utf-8"))["result"]["answer"]
    assert not tried.exists()


def test_the_kept_answers_say_who_gave_them_and_to_what(kept):
    assert kept["command"] == COMMAND
    assert kept["versions"] == {"evidently": "0.7.23", "nannyml": "0.13.1", "pandas": "2.3.3"}
    pins = (ROOT / "lock" / "peers.txt").read_text("utf-8")
    assert all(f"\n{name}=={version} " in f"\n{pins}" for name, version in kept["versions"].items())


def test_the_lock_names_no_registry_and_has_a_digest_for_every_file():
    pins = (ROOT / "lock" / "peers.txt").read_text("utf-8")
    assert "://" not in pins
    assert "index-url" not in pins
    named = re.findall(r"^[a-z0-9][^ ]*==", pins, re.MULTILINE)
    assert len(named) > 100
    assert all("--hash=sha256:" in block for block in re.split(r"^(?=[a-z0-9])", pins, flags=re.MULTILINE) if block)
