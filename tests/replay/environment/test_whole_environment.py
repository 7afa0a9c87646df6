"""An environment is made again to the last file, or not at all: whoever serves the packages cannot choose what runs."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata

import pytest

from audit_lab.errors import ModelError
from audit_lab.replay.environment.fingerprint import Fingerprint
from audit_lab.replay.environment.package_files import files_digest
from audit_lab.replay.environment.whole_environment import packages_folder, whole_environment
from tests.replay.environment.conftest import wheel

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}.0"
HERE = "threadpoolctl"


@pytest.fixture
def wheels(tmp_path):
    (tmp_path / "wheels").mkdir()
    return tmp_path / "wheels"


@pytest.fixture
def make(cache):
    """Return a function that makes an environment of packages, each a name, a version and a digest."""

    def call(*packages, **options):
        versions = {name: version for name, version, _ in packages}
        digests = {name: digest for name, _, digest in packages}
        return whole_environment(
            Fingerprint(python=PYTHON, packages=versions), digests, "the bundle", cache=cache, **options
        )

    return call


def packed(path):
    """Return name, version and digest of a wheel, as whoever recorded it has them."""
    name, version = path.name.split("-")[:2]
    with zipfile.ZipFile(path) as archive:
        record = archive.read(f"{name}-{version}.dist-info/RECORD").decode()
    return name.replace("_", "-"), version, files_digest(record)


def rewritten(path, change):
    """Write the files of a wheel anew, its record untouched."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def imported(built, code):
    command = [str(built.environment.python), "-I", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def refused(make, *packages, **options):
    with pytest.raises(ModelError) as caught:
        make(*packages, **options)
    assert caught.value.code == "environment-not-built"
    return caught.value.message


def test_it_is_made_from_a_registry_with_the_recorded_files(registry, make, cache):
    numpy, scipy = (packed(next((registry.folder / name).glob("*-1.[05]-*"))) for name in ("numpy", "scipy"))
    built = make(numpy, scipy, ("audit-lab", "0.1.0", "ours, which is not installed"))
    assert built.packages == {"numpy": "1.0", "scipy": "1.5"}
    assert imported(built, "import numpy, scipy; print(numpy.VERSION, scipy.VERSION)") == "1.0 1.5"
    assert "--hash=sha256:" in (built.folder / "lock.txt").read_text()
    assert list(packages_folder(built.folder).glob("numpy/__pycache__/*.pyc"))
    assert make(numpy, scipy) == built
    assert [entry.digest for entry in cache.entries()] == [built.digest]


def test_a_folder_of_wheels_serves_where_no_registry_does(wheels, make):
    one = packed(wheel(wheels, "one", "1.0", ["unheard-of"]))
    assert imported(make(one, wheels=wheels), "import one; print(one.VERSION)") == "1.0"
    assert refused(make, one, ("two", "2.0", "0" * 64), wheels=wheels) == (
        "the recorded environment cannot be made: no wheel is to be had of two==2.0"
    )
    assert make(one, ("two", "2.0", "0" * 64), wheels=wheels, leave_out=["two"]).packages == {"one": "1.0"}


def test_what_is_installed_here_with_the_same_files_is_not_fetched(wheels, make):
    found = metadata.distribution(HERE)
    digest = files_digest(found.read_text("RECORD"))
    built = make((HERE, found.version, digest), wheels=wheels)
    assert imported(built, f"import {HERE}; print({HERE}.__version__)") == found.version
    (linked,) = packages_folder(built.folder).glob(f"{HERE}.py")
    assert linked.read_bytes() == found.locate_file(f"{HERE}.py").read_bytes()


def test_the_same_version_with_other_files_is_refused(wheels, make):
    recorded = packed(wheel(wheels, "one", "1.0"))
    wheel(wheels, "one", "1.0", files={"one/more.py": "print('chosen by a registry')\n"})
    assert refused(make, recorded, wheels=wheels).endswith("not what was recorded: one has other files")


def test_here_with_other_files_is_not_taken(wheels, make):
    version = metadata.version(HERE)
    assert refused(make, (HERE, version, "0" * 64), wheels=wheels).endswith(f"of {HERE}=={version}")


def test_a_file_that_is_not_what_its_record_says_is_refused(wheels, make):
    path = wheel(wheels, "one", "1.0")
    recorded = packed(path)
    rewritten(path, lambda files: files.update({"one/__init__.py": b"VERSION = 'other'\n"}))
    assert "one/__init__.py is not what its package lists" in refused(make, recorded, wheels=wheels)


def test_a_file_that_no_record_lists_is_refused(wheels, make):
    path = wheel(wheels, "one", "1.0")
    recorded = packed(path)
    rewritten(path, lambda files: files.update({"json.py": b"print('hidden')\n"}))
    assert "json.py is not what its package lists" in refused(make, recorded, wheels=wheels)


def test_what_would_run_at_every_start_is_taken_out_and_said(wheels, make, tmp_path):
    seen = tmp_path / "seen"
    path = wheel(wheels, "one", "1.0", files={"one.pth": f"import pathlib; pathlib.Path({str(seen)!r}).touch()\n"})
    built = make(packed(path), wheels=wheels)
    assert imported(built, "import one; print('started')") == "started"
    assert not seen.exists()
    assert built.notes == ("one.pth of a package was taken out: Python would run it at every start.",)


def test_what_a_wheel_says_is_compiled_is_compiled_again(wheels, make):
    path = wheel(wheels, "one", "1.0")
    recorded = packed(path)
    name = f"one/__pycache__/__init__.{sys.implementation.cache_tag}.pyc"
    rewritten(path, lambda files: files.update({name: b"not code"}))
    built = make(recorded, wheels=wheels)
    assert (packages_folder(built.folder) / name).read_bytes() != b"not code"
    assert imported(built, "import one; print(one.VERSION)") == "1.0"


def test_nothing_is_built_from_source(wheels, make, tmp_path):
    seen = tmp_path / "seen"
    with tarfile.open(wheels / "one-1.0.tar.gz", "w:gz") as archive:
        code = f"import pathlib; pathlib.Path({str(seen)!r}).touch()\n".encode()
        about = tarfile.TarInfo("one-1.0/setup.py")
        about.size = len(code)
        archive.addfile(about, io.BytesIO(code))
    assert refused(make, ("one", "1.0", "0" * 64), wheels=wheels).endswith("no wheel is to be had of one==1.0")
    assert not seen.exists()


def test_a_package_without_a_digest_cannot_be_had(wheels, make):
    name, version, _ = packed(wheel(wheels, "one", "1.0"))
    assert refused(make, (name, version, ""), wheels=wheels).endswith("the files of one is not recorded")


@pytest.mark.parametrize(("name", "version"), [("--index-url", "1"), ("one", "1 --hash"), ("../one", "1")])
def test_text_that_is_no_package_reaches_no_installer(make, wheels, name, version):
    with pytest.raises(ModelError) as caught:
        make((name, version, "0" * 64), wheels=wheels)
    assert caught.value.code == "environment-malformed"
