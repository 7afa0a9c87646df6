from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from audit_lab.errors import ModelError
from audit_lab.replay.environment.fingerprint import Fingerprint
from audit_lab.replay.environment.recorded import RecordedRuntime
from audit_lab.replay.environment.requirements import requirements_of

LIBRARY = {"xgboost": "2.1.4"}


def of(packages, python="3.11.4", artifact_format="xgboost-ubj", **other):
    fingerprint, problems = Fingerprint.parse({"python": python, "packages": packages})
    return RecordedRuntime("model version", fingerprint, problems, "loans 1", None, artifact_format, **other)


def test_recorded_packages_become_exact_pins():
    found = requirements_of(of({**LIBRARY, "Scikit_Learn": "1.5.2", "numpy": "1.26.4"}))
    assert found.lines == ("numpy==1.26.4", "scikit-learn==1.5.2", "xgboost==2.1.4")
    assert found.python == "3.11"


@pytest.mark.parametrize(
    "name",
    [
        "--index-url=http://evil.example/simple",
        "-e .",
        "a @ file:///etc/passwd",
        "../x",
        "/etc/passwd",
        "./local.whl",
        "git+https://evil.example/x.git",
        "numpy\n--extra-index-url http://evil.example",
        "numpy # comment",
        "numpy[all]",
        "numpy; os_name == 'posix'",
        "nümpy",
        " numpy",
        "",
        "a" * 101,
    ],
)
def test_a_name_that_is_none_is_refused_and_named(name):
    with pytest.raises(ModelError) as caught:
        requirements_of(of({**LIBRARY, name: "1.0"}))
    assert caught.value.code == "environment-malformed"
    assert "is no name of a package" in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "version",
    ["1.0 --pre", "1.0\n-r other.txt", "*", "1.*", ">=1", "1.0; x", "../1.0", "@ file:///x", "latest", "1.0/x"],
)
def test_a_version_that_is_none_is_refused_and_named(version):
    with pytest.raises(ModelError) as caught:
        requirements_of(of({**LIBRARY, "numpy": version}))
    assert caught.value.code == "environment-malformed"
    assert "is no version of numpy" in caught.value.message


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=30), max_size=5))
def test_whatever_passes_is_one_exact_requirement_a_line(packages):
    try:
        lines = requirements_of(of({**packages, **LIBRARY})).lines
    except ModelError:
        lines = ()
    for line in lines:
        parsed = Requirement(line)
        assert (parsed.url, parsed.extras, parsed.marker) == (None, set(), None)
        assert [specifier.operator for specifier in parsed.specifier] in ([], ["=="])


@pytest.mark.parametrize("python", ["2.7.18", "3", "3.11; rm -rf", "cpython-3.11", "../3.11", "3.999", "--help"])
def test_a_python_that_is_none_is_refused(python):
    with pytest.raises(ModelError) as caught:
        requirements_of(of(LIBRARY, python))
    assert caught.value.code == "environment-malformed"


@pytest.mark.parametrize("python", ["3.11.7", "3.11", "3.11.0rc1", "3.11.2+"])
def test_the_series_of_a_python_is_what_counts(python):
    assert requirements_of(of(LIBRARY, python)).python == "3.11"


def test_more_packages_than_anybody_has_are_refused():
    with pytest.raises(ModelError, match="1,001 packages; 1,000 are allowed at most"):
        requirements_of(of({**LIBRARY, **{f"p{number}": "1" for number in range(1_000)}}))


def test_nothing_recorded_is_said():
    with pytest.raises(ModelError) as caught:
        requirements_of(RecordedRuntime("nowhere", None, ("model version: the runtime is no JSON",), "loans 1"))
    assert caught.value.code == "environment-not-recorded"
    assert "the runtime is no JSON" in caught.value.message


def test_a_record_without_python_is_not_guessed_at():
    with pytest.raises(ModelError, match="does not name its Python"):
        requirements_of(RecordedRuntime("prediction", Fingerprint(packages=LIBRARY), artifact_format="xgboost-ubj"))


def test_the_library_that_runs_the_artifact_is_not_chosen_for_the_record():
    with pytest.raises(ModelError, match="names no xgboost or xgboost-cpu, which runs its artifact"):
        requirements_of(of({"numpy": "1.26.4"}))


@pytest.mark.parametrize("name", ["xgboost", "xgboost-cpu"])
def test_the_recorded_distribution_of_a_library_is_kept(name):
    assert f"{name}==2.1.4" in requirements_of(of({name: "2.1.4"})).lines


def test_what_reads_the_artifact_is_added_without_a_version():
    assert requirements_of(of({"scikit-learn": "1.5.2"}, artifact_format="skops")).unpinned == (
        "numpy",
        "pandas",
        "skops",
    )


def test_the_child_s_own_packages_are_not_installed_twice():
    found = requirements_of(of({**LIBRARY, "polars": "0.20.1", "audit-lab": "0.1.0", "numpy": "1.26.4"}))
    assert found.lines == ("numpy==1.26.4", "xgboost==2.1.4")
    assert found.notes == ("polars 0.20.1 is not installed: the child brings its own.",)


def test_what_is_left_out_is_said():
    found = requirements_of(of({**LIBRARY, "numpy": "1.26.4", "secret-model": "1.0"}), leave_out=["Secret_Model"])
    assert found.lines == ("numpy==1.26.4", "xgboost==2.1.4")
    assert found.notes == ("secret-model 1.0 was left out, as asked.",)
