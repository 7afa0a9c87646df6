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
