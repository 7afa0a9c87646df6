from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.replay.environment.fingerprint import Fingerprint, Library
from audit_lab.replay.environment.fingerprint_task import present_fingerprint
from audit_lab.sandbox import run_task

WHOLE = Fingerprint(
    python="3.11.7",
    implementation="CPython",
    system="Linux",
    machine="x86_64",
    libc="glibc 2.36",
    cpu="AMD EPYC",
    cpu_features=("avx2", "fma"),
    blas=(Library("openblas", "0.3.30", "pthreads", "SkylakeX", "numpy"),),
    openmp=(Library("libgomp", bundled_with="scikit-learn"),),
    threads={"blas": 2, "openmp": 2, "processors": 2},
    packages={"numpy": "2.3.5"},
)


def test_the_form_of_a_runtime():
    assert json.loads(WHOLE.to_json()) == {
        "python": "3.11.7",
        "implementation": "CPython",
        "system": "Linux",
        "machine": "x86_64",
        "libc": "glibc 2.36",
        "cpu": "AMD EPYC",
        "cpu_features": ["avx2", "fma"],
        "blas": [
            {
                "library": "openblas",
                "version": "0.3.30",
                "threading": "pthreads",
                "architecture": "SkylakeX",
                "bundled_with": "numpy",
            }
        ],
        "openmp": [{"library": "libgomp", "bundled_with": "scikit-learn"}],
        "threads": {"blas": 2, "openmp": 2, "processors": 2},
        "packages": {"numpy": "2.3.5"},
    }


def test_a_runtime_is_read_as_it_was_written():
    assert Fingerprint.parse(WHOLE.to_json()) == (WHOLE, ())


def test_a_runtime_of_before_is_read_too():
    found, problems = Fingerprint.parse('{"python": "3.11.7", "packages": {"Scikit_learn": "1.9.1"}}')
    assert found == Fingerprint(python="3.11.7", packages={"scikit-learn": "1.9.1"})
    assert problems == ()


def test_nothing_recorded_is_no_problem():
    assert Fingerprint.parse(None) == (None, ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "the runtime is no JSON (JSONDecodeError)"),
        ("[" * 100_000, "the runtime is no JSON (RecursionError)"),
        ("[]", "the runtime is a list, not an object"),
        ("null", "the runtime is nothing, not an object"),
        ('{"a": 1}', "the runtime states nothing that is known"),
        ('"' + "x" * 1_000_000 + '"', "the runtime has 1,000,002 characters; 1,000,000 are read at most"),
        ('{"python": 3.11}', "python of the runtime is not a short text"),
        ('{"python": "3.11\\u0007"}', "python of the runtime is not a short text"),
        ('{"packages": ["numpy"]}', "packages of the runtime is not an object of at most 2,000 entries"),
        ('{"packages": {"numpy": 2.3}}', "the version of package 'numpy' is a number"),
        ('{"packages": {"numpy": null}}', "the version of package 'numpy' is nothing"),
        ('{"packages": {"a-b": "1", "a_b": "2"}}', "package 'a-b' stands there in two versions"),
        ('{"blas": "openblas"}', "blas of the runtime is not a list of at most 2,000 entries"),
        ('{"blas": [{"version": "1"}]}', "an entry of blas names no library"),
        ('{"threads": {"blas": true}}', "threads of the runtime holds something other than counts"),
        ('{"cpu_features": [1]}', "an entry of cpu_features of the runtime is not a short text"),
    ],
    ids=lambda value: value[:40],
)
def test_what_cannot_be_read_is_named(text, problem):
    assert problem in Fingerprint.parse(text)[1]


def test_the_rest_of_a_damaged_runtime_is_kept():
    found, _ = Fingerprint.parse('{"python": "3.11.7", "packages": {"numpy": null, "scipy": "1.15.2"}, "blas": 7}')
    assert found == Fingerprint(python="3.11.7", packages={"scipy": "1.15.2"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from(sorted(WHOLE.to_dict()))


@given(st.dictionaries(fields, json_values, max_size=6))
def test_no_runtime_raises_and_what_was_read_is_read_again(document):
    found, _ = Fingerprint.parse(json.dumps(document))
    if found is not None:
        assert Fingerprint.parse(found.to_json()) == (found, ())


def test_the_child_reports_what_it_runs_on():
    import numpy as np
    import scipy

    result = run_task(
        "audit_lab.replay.environment.fingerprint_task:report",
        header={"modules": ["scipy.linalg", "sklearn.linear_model"]},
        tables={},
        files={},
    )
    found, problems = Fingerprint.parse(result.header["fingerprint"])
    assert problems == ()
    assert found.packages["numpy"] == np.__version__
    assert found.packages["scipy"] == scipy.__version__
    assert "audit-lab" not in found.packages
    assert {library.bundled_with for library in found.blas} == {"numpy", "scipy"}
    assert all(library.version and library.architecture for library in found.blas)
    assert "scikit-learn" in {library.bundled_with for library in found.openmp}
    assert found.threads["blas"] >= 1
    assert found.threads["openmp"] >= 1
    assert found.cpu_features


def test_the_child_loads_no_module_that_it_is_told_by_another():
    result = run_task(
        "audit_lab.replay.environment.fingerprint_task:report",
        header={"modules": ["antigravity", "os.path"]},
        tables={},
        files={},
    )
    assert set(result.header) == {"fingerprint"}


def test_no_path_is_in_a_fingerprint():
    assert "/" not in present_fingerprint().to_json()


def test_a_package_is_found_by_the_name_of_its_folder(tmp_path, monkeypatch):
    (tmp_path / "some_thing-1.0.post1.dist-info").mkdir()
    (tmp_path / "older-0.3-py3.11.egg-info").mkdir()
    (tmp_path / "not a package").mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path), str(tmp_path / "absent")])
    assert present_fingerprint().packages == {"older": "0.3", "some-thing": "1.0.post1"}


def test_a_fingerprint_costs_less_than_a_warm_replay():
    present_fingerprint()
    started = time.process_time()
    for _ in range(10):
        present_fingerprint()
    assert (time.process_time() - started) / 10 < 0.01
