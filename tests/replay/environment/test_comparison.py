from __future__ import annotations

from dataclasses import replace

import pytest

from audit_lab.replay.environment.comparison import compare, numerics_sentence, same_numerics
from audit_lab.replay.environment.fingerprint import Fingerprint, Library

OPENBLAS = Library("openblas", "0.3.30", "pthreads", "SkylakeX", "numpy")
OF_SCIPY = Library("openblas", "0.3.29", "pthreads", "SkylakeX", "scipy")
HERE = Fingerprint(
    python="3.11.7",
    implementation="CPython",
    system="Linux",
    machine="x86_64",
    libc="glibc 2.36",
    cpu="AMD EPYC",
    cpu_features=("avx2", "avx512f", "fma"),
    blas=(OPENBLAS,),
    threads={"blas": 2, "processors": 2},
    packages={"numpy": "2.3.5", "rich": "15.0", "xgboost-cpu": "3.2.0"},
)


def told(recorded, present=HERE, **options):
    return [(each.field, each.recorded, each.present, each.matters) for each in compare(recorded, present, **options)]


def test_an_environment_does_not_differ_from_itself():
    assert compare(HERE, HERE) == ()
    assert same_numerics(HERE, HERE) is True


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"python": "3.11.4"}, ("python", "3.11.4", "3.11.7", False)),
        ({"python": "3.10.9"}, ("python", "3.10.9", "3.11.7", True)),
        ({"implementation": "PyPy"}, ("implementation", "PyPy", "CPython", True)),
        ({"system": "Darwin"}, ("system", "Darwin", "Linux", False)),
        ({"libc": "glibc 2.31"}, ("libc", "glibc 2.31", "glibc 2.36", True)),
        ({"cpu": "Xeon"}, ("cpu", "Xeon", "AMD EPYC", False)),
        ({"cpu_features": ("avx2", "fma")}, ("cpu_features", "avx2 fma", "avx2 avx512f fma", True)),
        ({"threads": {"blas": 8}}, ("threads.blas", "8", "2", True)),
        ({"threads": {"processors": 8}}, ("threads.processors", "8", "2", False)),
        ({"packages": {"numpy": "1.26.4"}}, ("packages.numpy", "1.26.4", "2.3.5", True)),
        ({"packages": {"rich": "14.0"}}, ("packages.rich", "14.0", "15.0", False)),
        ({"packages": {"scipy": "1.15.2"}}, ("packages.scipy", "1.15.2", None, True)),
        ({"packages": {"xgboost": "3.2.0"}}, ("packages.xgboost", "3.2.0", "xgboost-cpu 3.2.0", True)),
        (
            {"blas": (replace(OPENBLAS, architecture="Haswell"),)},
            (
                "blas",
                "openblas 0.3.30 of numpy Haswell kernel pthreads",
                "openblas 0.3.30 of numpy SkylakeX kernel pthreads",
                True,
            ),
        ),
    ],
)
def test_each_difference_is_named_and_weighed(change, expected):
    assert told(replace(HERE, **change)) == [expected]


def test_what_was_not_recorded_cannot_differ():
    assert compare(Fingerprint(packages={"numpy": "2.3.5"}), HERE) == ()


def test_what_matters_comes_first():
    found = compare(replace(HERE, cpu="Xeon", packages={"rich": "14", "numpy": "1"}), HERE)
    assert [each.field for each in found] == ["packages.numpy", "cpu", "packages.rich"]


def test_packages_that_are_only_here_count_where_the_record_is_whole():
    recorded = replace(HERE, packages={"numpy": "2.3.5", "rich": "15.0"})
    assert told(recorded) == []
    assert told(recorded, whole=True) == [("packages.xgboost-cpu", None, "3.2.0", True)]


def test_a_sentence_says_what_a_processor_lacks():
    recorded = replace(HERE, cpu_features=("amx_tile", "avx2", "fma"))
    assert compare(recorded, HERE)[0].sentence == (
        "The processor here is without amx_tile and with avx512f besides: other kernels run, which round otherwise."
    )


@pytest.mark.parametrize(
    ("recorded", "same"),
    [
        (replace(HERE, cpu_features=("avx2",)), False),
        (replace(HERE, machine="aarch64"), False),
        (replace(HERE, blas=(Library("mkl", "2024.0", bundled_with="numpy"),)), False),
        (replace(HERE, blas=(OF_SCIPY,)), False),
        (replace(HERE, blas=(OPENBLAS, OF_SCIPY)), True),
        (replace(HERE, threads={"blas": 8}), True),
        (replace(HERE, cpu_features=None), None),
        (replace(HERE, blas=None), None),
        (replace(HERE, blas=()), None),
        (replace(HERE, blas=None, cpu_features=("avx2",)), False),
    ],
)
def test_the_same_numerics_are_the_same_features_and_the_same_linear_algebra(recorded, same):
    assert same_numerics(recorded, HERE) is same


@pytest.mark.parametrize(
    ("recorded", "beginning"),
    [
        (HERE, "Processor features and linear algebra are those of the record: equal bits are expected."),
        (replace(HERE, cpu_features=("avx2",)), "Other instruction sets than in the record:"),
        (
            replace(HERE, cpu_features=("avx2",), blas=(replace(OPENBLAS, version="0.3.20"),)),
            "Other instruction sets and linear algebra library than in the record:",
        ),
        (replace(HERE, blas=None), "The record does not say the processor features or the linear algebra library"),
        (None, "The record does not say the environment that it was computed with"),
    ],
)
def test_what_may_be_expected_of_the_bits_is_said(recorded, beginning):
    assert numerics_sentence(recorded, HERE).startswith(beginning)
