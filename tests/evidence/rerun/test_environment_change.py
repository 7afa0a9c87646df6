"""Where an environment is another than the recorded one."""

from __future__ import annotations

from audit_lab.evidence.environment import environment_facts
from audit_lab.evidence.rerun.environment_change import environment_changes


def test_the_same_environment_has_no_changes():
    assert environment_changes(environment_facts(), environment_facts()) == []


def test_each_fact_and_package_that_differs_is_named():
    recorded = {
        "python": "3.11.7",
        "processor": {"model": "A", "features": "x"},
        "packages": {"polars": "1.0", "a": "1"},
    }
    present = {
        "python": "3.12.1",
        "processor": {"model": "B", "features": "x"},
        "packages": {"polars": "1.1", "b": "2"},
    }
    assert environment_changes(recorded, present) == [
        "python: recorded 3.11.7, here 3.12.1",
        "processor: recorded A, here B",
        "package a: recorded 1, here none",
        "package b: recorded none, here 2",
        "package polars: recorded 1.0, here 1.1",
    ]


def test_other_files_of_the_same_version_and_other_code_of_ours_are_named():
    recorded = {"packages": {"a": "1", "b": "1"}, "package_sha256": {"a": "00", "b": "11"}, "library_sha256": "22" * 32}
    present = {"packages": {"a": "1", "b": "1"}, "package_sha256": {"a": "01", "b": "11"}, "library_sha256": "23" * 32}
    assert environment_changes(recorded, present) == [
        "package a: other files than the recorded ones, by the same version 1",
        "audit_lab's own code: recorded 222222222222, here 232323232323",
    ]


def test_other_features_of_the_same_processor_are_named():
    recorded, present = ({"processor": {"model": "A", "features": text}} for text in ("avx avx2 sse", "amx avx sse"))
    assert environment_changes(recorded, present) == ["processor: without avx2, with amx"]


def test_what_is_no_record_at_all_has_no_packages():
    assert environment_changes({"packages": [1], "package_sha256": "x", "processor": 3}, {}) == [
        "processor: recorded 3, here None"
    ]
