from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from io import BytesIO
from pathlib import Path

import pytest

from audit_lab.errors import ModelError
from audit_lab.replay.environment.construction import build_environment, built_environment, prepare_environment
from audit_lab.replay.environment.environment_cache import EnvironmentCache

CLOSED = {"numpy": "1.0", "scipy": "1.5", "xgboost": "2.1"}
SERIES = f"{sys.version_info.major}.{sys.version_info.minor}"


def imported(built, code):
    """Return what a line of Python prints in a built environment."""
    python = str(built.environment.python)
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_a_closed_list_is_built_exactly(registry, small_child, recorded, cache):
    built = prepare_environment(recorded(CLOSED), cache=cache)
    assert built.packages == {"numpy": "1.0", "scipy": "1.5", "xgboost": "2.1"}
    assert built.filled == {}
    assert built.notes == ()
    assert imported(built, "import numpy, xgboost; print(numpy.VERSION, xgboost.VERSION)") == "1.0 2.1"
    assert built.name == "loans 1"
    assert built.size_bytes > 1_000


def test_what_the_sandbox_needs_to_run_there(registry, recorded, cache):
    built = prepare_environment(recorded(CLOSED), cache=cache)
    environment = built.environment
    assert environment.name == f"recorded {built.digest[:12]}"
    assert environment.python == cache.folder / built.digest / "venv" / "bin" / "python"
    assert (environment.overlay[0] / "polars" / "__init__.py").is_file()
    assert (environment.overlay[0] / "threadpoolctl.py").is_file()
    assert built.overlay["polars"] == version_of("polars")
    assert not (environment.overlay[0] / "polars_hash").exists()


def test_the_recorded_threadpoolctl_is_not_hidden(registry, small_child, recorded, cache):
    registry.add("threadpoolctl", "3.0", files={"threadpoolctl.py": ""})
    built = prepare_environment(recorded({**CLOSED, "threadpoolctl": "3.0"}), cache=cache)
    assert not (built.environment.overlay[0] / "threadpoolctl.py").exists()


def test_packages_come_compiled(registry, small_child, recorded, cache):
    built = prepare_environment(recorded(CLOSED), cache=cache)
    assert list(built.folder.glob("venv/lib/python*/site-packages/numpy/__pycache__/*.pyc"))


def test_what_the_record_does_not_name_is_filled_in_and_named(registry, small_child, recorded, cache):
    built = prepare_environment(recorded({"xgboost": "2.1", "numpy": "1.0"}, registered_at=None), cache=cache)
    assert built.filled == {"scipy": "1.5"}
    assert built.packages["numpy"] == "1.0"
    assert built.notes == ("Needed and not in the record: scipy; taken as the newest that fit.",)


def test_a_registry_without_dates_is_said_where_something_was_filled_in(registry, small_child, recorded, cache):
    built = prepare_environment(recorded({"xgboost": "2.1", "numpy": "1.0"}), cache=cache)
    assert built.notes == (
        ("Needed and not in the record: scipy; taken as the newest that fit, since none from before 2024-03-04 do."),
    )


def test_packages_that_contradict_each_other_are_installed_as_recorded(registry, small_child, recorded, cache):
    registry.add("xgboost", "3.0", ["numpy>=1.1", "scipy"])
    built = prepare_environment(recorded({"xgboost": "3.0", "numpy": "1.0", "scipy": "1.5"}), cache=cache)
    assert built.packages == {"numpy": "1.0", "scipy": "1.5", "xgboost": "3.0"}
    assert built.notes[0].startswith("The recorded packages are installed as they are, though they do not fit together")


def test_the_lists_of_files_are_kept_as_digests(registry, small_child, recorded, cache):
    import hashlib

    built = prepare_environment(recorded(CLOSED), cache=cache)
    listed = next(built.folder.glob("venv/lib/python*/site-packages/numpy-1.0.dist-info/RECORD"))
    assert built.file_digests["numpy"] == hashlib.sha256(listed.read_bytes()).hexdigest()
    assert "--hash=sha256:" in (built.folder / "lock.txt").read_text()


def test_a_registry_without_digests_is_said(registry, small_child, recorded, cache):
    registry.add("xgboost", "3.0", ["numpy>=1.1", "scipy"])
    registry.list("scipy", digests=False)
    built = prepare_environment(recorded({"xgboost": "3.0", "numpy": "1.0", "scipy": "1.5"}), cache=cache)
    assert built.notes[-1] == "The registry states no digest of scipy: that they are the same was not checked."


def test_a_file_that_is_not_the_one_the_registry_lists_is_refused(registry, small_child, recorded, cache):
    path = registry.folder / "numpy" / "numpy-1.0-py3-none-any.whl"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ModelError) as caught:
        prepare_environment(recorded(CLOSED), cache=cache)
    assert caught.value.code == "environment-not-built"


def test_an_environment_is_built_once(registry, small_child, recorded, cache):
    first = prepare_environment(recorded(CLOSED), cache=cache)
    steps = []
    again = prepare_environment(recorded(CLOSED), cache=cache, progress=lambda *step: steps.append(step))
    assert again == first
    assert steps == []
    assert built_environment(recorded(CLOSED), cache=cache) == first


def test_the_short_form_is_kept_where_the_user_keeps_caches(registry, small_child, recorded):
    environment = build_environment(recorded(CLOSED))
    assert EnvironmentCache().entries()[0].environment == environment
    assert str(environment.python).startswith(os.environ["XDG_CACHE_HOME"])


def test_notes_about_a_record_are_those_of_the_record_that_is_asked_for(registry, small_child, recorded, cache):
    first = prepare_environment(recorded({**CLOSED, "polars": "0.20.1"}), cache=cache)
    again = prepare_environment(recorded(CLOSED), cache=cache)
    assert first.digest == again.digest
    assert first.notes == ("polars 0.20.1 is not installed: the child brings its own.",)
    assert again.notes == ()


def test_another_record_is_another_environment(registry, small_child, recorded, cache):
    prepare_environment(recorded(CLOSED), cache=cache)
    others = [
        recorded({**CLOSED, "numpy": "1.1"}),
        recorded({**CLOSED, "extra": "1"}),
        recorded(CLOSED, registered_at=datetime(2024, 3, 5, tzinfo=UTC)),
    ]
    assert [built_environment(other, cache=cache) for other in others] == [None, None, None]


def test_the_steps_are_told(registry, small_child, recorded, cache):
    steps = []
    prepare_environment(recorded(CLOSED), cache=cache, progress=lambda *step: steps.append(step))
    assert steps == [
        ("choosing packages", 0, 4),
        ("installing packages", 1, 4),
        ("compiling packages", 2, 4),
        ("keeping the environment", 3, 4),
    ]


def test_two_at_once_build_it_once(registry, small_child, recorded, cache):
    told = []

    def build(_):
        return prepare_environment(recorded(CLOSED), cache=cache, progress=lambda *step: told.append(step[0]))

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(build, range(3)))
    assert found[0] == found[1] == found[2]
    assert len(told) == 4


@pytest.mark.parametrize("step", [1, 3])
def test_a_build_that_is_interrupted_leaves_nothing_behind(registry, small_child, recorded, cache, step):
    def stop(what, done, steps):
        if done == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_environment(recorded(CLOSED), cache=cache, progress=stop)
    assert [path.name for path in cache.folder.iterdir() if not path.name.endswith(".lock")] == []
    assert prepare_environment(recorded(CLOSED), cache=cache).packages == CLOSED


def test_a_build_that_is_killed_is_cleared_away_by_the_next(registry, recorded, cache):
    program = Path(__file__).with_name("building_process.py")
    pins = [f"{name}=={version}" for name, version in CLOSED.items()]
    child = subprocess.Popen(
        [sys.executable, str(program), str(cache.folder), *pins], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "half built\n"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert cache.entries() == []
    assert list(cache.folder.glob(".aside-*"))
    built = prepare_environment(recorded(CLOSED, registered_at=None, artifact_format=None), cache=cache)
    assert cache.entries() == [built]
    assert list(cache.folder.glob(".aside-*")) == []


def test_what_was_left_aside_for_a_day_is_cleared_away_by_any_build(registry, small_child, recorded, cache):
    for name, hours in (("old", 25), ("new", 1)):
        left = cache.folder / f".aside-{'0' * 64}-{name}"
        left.mkdir(parents=True)
        os.utime(left, (time.time() - 3600 * hours,) * 2)
    prepare_environment(recorded(CLOSED), cache=cache)
    assert [path.name[-3:] for path in cache.folder.glob(".aside-*")] == ["new"]


def test_an_environment_whose_entry_was_damaged_is_built_again(registry, small_child, recorded, cache):
    built = prepare_environment(recorded(CLOSED), cache=cache)
    (built.folder / "environment.json").write_text('{"format": "other"}')
    assert cache.entries() == []
    assert prepare_environment(recorded(CLOSED), cache=cache).packages == CLOSED


def test_packages_that_are_in_no_registry_are_each_named(registry, small_child, recorded, cache):
    with pytest.raises(ModelError) as caught:
        prepare_environment(recorded({**CLOSED, "numpy": "7.7", "secret-model": "1.0"}), cache=cache)
    assert caught.value.code == "environment-not-built"
    assert "no wheel for this interpreter and machine is in the registry: numpy==7.7, secret-model==1.0" in str(
        caught.value
    )
    assert "--leave-out" in caught.value.next_step


def test_what_the_model_does_not_need_can_be_left_out(registry, small_child, recorded, cache):
    built = prepare_environment(recorded({**CLOSED, "secret-model": "1.0"}), cache=cache, leave_out=["secret_model"])
    assert built.packages == CLOSED
    assert built.notes == ("secret-model 1.0 was left out, as asked.",)


def test_offline_says_which_packages_are_not_at_hand(registry, small_child, recorded, cache):
    prepare_environment(recorded({"xgboost": "2.1", "numpy": "1.0", "scipy": "1.5"}), cache=cache)
    with pytest.raises(ModelError) as caught:
        prepare_environment(recorded({**CLOSED, "numpy": "1.1", "more": "1"}), cache=cache, offline=True)
    assert caught.value.code == "environment-not-built"
    assert caught.value.message.startswith("the recorded environment cannot be built: no package registry was reached")
    assert "numpy==1.0" not in caught.value.message
    assert "more==1" in caught.value.message
    assert "replay in the present environment" in caught.value.next_step


def test_a_registry_that_does_not_answer_is_told_like_being_offline(
    registry, small_child, recorded, cache, monkeypatch
):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://user:secret@127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(ModelError) as caught:
        prepare_environment(recorded(CLOSED), cache=cache)
    assert "no package registry was reached, and uv's cache lacks numpy==1.0, scipy==1.5, xgboost==2.1" in str(
        caught.value
    )
    assert "secret" not in str(caught.value)


def test_a_python_that_the_sandbox_cannot_run_is_said(registry, small_child, recorded, cache):
    with pytest.raises(ModelError, match=r"has Python 3\.8, and the sandbox's own code needs 3\.11 or newer") as caught:
        prepare_environment(recorded(CLOSED, python="3.8.10"), cache=cache)
    assert caught.value.code == "environment-not-built"


def test_a_python_that_is_not_installed_is_named_and_not_downloaded(registry, small_child, recorded, cache):
    with pytest.raises(ModelError, match=r"has Python 3\.97, which is not installed here; none was downloaded"):
        prepare_environment(recorded(CLOSED, python="3.97.1"), cache=cache)


def test_nothing_of_a_hostile_wheel_runs_while_it_is_built(registry, small_child, recorded, cache, tmp_path):
    marker = tmp_path / "ran"
    line = f"import pathlib; pathlib.Path({str(marker)!r}).write_text('ran')\n"
    registry.add(
        "numpy",
        "6.6",
        files={
            "evil.pth": line,
            "sitecustomize.py": line,
            "usercustomize/__init__.py": line,
            "numpy-6.6.data/data/pyvenv.cfg": f"home = {tmp_path}\n",
        },
    )
    built = prepare_environment(recorded({**CLOSED, "numpy": "6.6"}), cache=cache)
    assert built.packages["numpy"] == "6.6"
    assert built.environment.python.resolve().name == f"python{SERIES}"
    assert imported(built, "import sys; print(sys.prefix != sys.base_prefix)") == "True"
    assert not marker.exists()
    assert [note.split(" of a package")[0] for note in built.notes] == ["evil.pth", "sitecustomize.py", "usercustomize"]


@pytest.mark.parametrize("place", ["scripts", "data/bin"])
def test_a_wheel_does_not_bring_the_interpreter(registry, small_child, recorded, cache, place):
    registry.add("numpy", "6.6", files={f"numpy-6.6.data/{place}/python": "#!/bin/sh\n"})
    with pytest.raises(ModelError, match="numpy==6.6"):
        prepare_environment(recorded({**CLOSED, "numpy": "6.6"}), cache=cache)
    assert cache.entries() == []


def test_a_package_without_a_wheel_is_not_built_from_source(registry, small_child, recorded, cache, tmp_path):
    marker = tmp_path / "ran"
    place = registry.folder / "onlysource"
    place.mkdir()
    content = f"import pathlib; pathlib.Path({str(marker)!r}).write_text('ran')\n".encode()
    with tarfile.open(place / "onlysource-1.0.tar.gz", "w:gz") as archive:
        for name, data in (
            ("setup.py", content),
            ("PKG-INFO", b"Metadata-Version: 2.1\nName: onlysource\nVersion: 1.0\n"),
        ):
            entry = tarfile.TarInfo(f"onlysource-1.0/{name}")
            entry.size = len(data)
            archive.addfile(entry, BytesIO(data))
    registry.list("onlysource")
    with pytest.raises(
        ModelError, match="no wheel for this interpreter and machine is in the registry: onlysource==1.0"
    ):
        prepare_environment(recorded({**CLOSED, "onlysource": "1.0"}), cache=cache)
    assert not marker.exists()


@pytest.mark.usefixtures("registry", "small_child")
def test_a_configuration_in_the_folder_that_one_stands_in_is_not_read(recorded, cache, tmp_path, monkeypatch):
    folder = tmp_path / "somebody's log"
    folder.mkdir()
    (folder / "uv.toml").write_text('index-url = "http://127.0.0.1:9/simple"\nno-index = true\n')
    (folder / "pyproject.toml").write_text("[tool.uv\n")
    monkeypatch.chdir(folder)
    assert prepare_environment(recorded(CLOSED), cache=cache).packages == CLOSED


def test_an_entry_is_strict_json(registry, small_child, recorded, cache):
    built = prepare_environment(recorded(CLOSED), cache=cache)
    document = json.loads((built.folder / "environment.json").read_text())
    assert (document["format"], document["version"]) == ("audit_lab.environment-cache", 1)
    assert str(cache.folder) not in json.dumps(document)


def test_an_environment_that_stands_is_found_without_asking_anybody(
    registry, small_child, recorded, cache, monkeypatch
):
    built = prepare_environment(recorded(CLOSED), cache=cache)

    def refuse(*_, **__):
        pytest.fail("uv was started")

    monkeypatch.setattr("audit_lab.replay.environment.uv_command.Uv.run", refuse)
    assert prepare_environment(recorded(CLOSED), cache=cache) == built
