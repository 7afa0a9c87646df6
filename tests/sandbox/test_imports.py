"""Libraries are imported before the first job, without what they need not see, and leave no trace where they fail."""

from __future__ import annotations

import gc
import inspect
import sys

import pytest

from audit_lab.errors import SandboxError
from audit_lab.sandbox import Library, Worker
from audit_lab.sandbox.imports import import_ahead, import_hiding


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return a function that writes a module which can be imported in this test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        return name

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_what_is_hidden_looks_as_if_it_were_not_installed(module):
    module("comfort", "")
    wants = module("wants", "try:\n    import comfort\nexcept ImportError:\n    comfort = None\n")
    assert import_hiding(wants, ["comfort"]).comfort is None
    assert import_hiding("comfort").__name__ == "comfort"


def test_what_is_loaded_already_stays_visible(module):
    loaded = import_hiding(module("comfort", ""))
    assert import_hiding(module("wants", "import comfort"), ["comfort"]).comfort is loaded


def test_libraries_that_fail_or_are_not_there_are_passed_over(module):
    names = [module("broken", "1 / 0"), "there_is_no_such_thing", module("sound", "value = 7")]
    assert import_ahead([(name, []) for name in names]) is None
    assert sys.modules["sound"].value == 7
    assert "broken" not in sys.modules


def test_docstrings_and_the_search_for_garbage_are_away_for_that_time_only(module):
    seen = module("seen", "import gc, inspect\ndoc, swept = inspect.getdoc(len), gc.isenabled()")
    assert import_ahead([(seen, [])]) is None
    assert (sys.modules["seen"].doc, sys.modules["seen"].swept) == ("", False)
    assert inspect.getdoc(len).startswith("Return the number")
    assert gc.isenabled()
    gc.unfreeze()


def test_memory_that_ran_out_ends_it(module):
    greedy, later = module("greedy", "raise MemoryError('no more')"), module("later", "")
    assert str(import_ahead([(greedy, []), (later, [])])) == "no more"
    assert "later" not in sys.modules


def test_the_child_has_them_before_its_first_job(probes):
    with Worker({}, libraries=[Library("audit_lab.messages_of_nobody"), Library("colorsys")]) as worker:
        found = worker.run("audit_lab.probes:loaded", header={"name": "colorsys"}, tables={})
    assert found.header == {"is_loaded": True}


def test_memory_that_ran_out_before_the_first_job_is_told_as_its_end(probes):
    with Worker({}, libraries=[Library("audit_lab.greedy")]) as worker:
        with pytest.raises(SandboxError) as caught:
            worker.run("audit_lab.probes:loaded", header={"name": "colorsys"}, tables={})
        assert (caught.value.reason, worker.closed) == ("memory", True)
