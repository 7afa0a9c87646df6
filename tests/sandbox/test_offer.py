"""What a machine offers: found out by a child that does nothing, before an artifact that must be isolated runs."""

from __future__ import annotations

import shutil

import pytest

from audit_lab.errors import SandboxError
from audit_lab.sandbox import Isolation, Worker, isolation_offered, launch, run, run_task, surroundings, warm_worker
from audit_lab.sandbox.walls import system_calls

REPORT = "audit_lab.sandbox.probe:report"
WALLS = ("network", "files", "processes", "system_calls", "user")
#: A kernel that offers nothing, as the child meets it.
NO_KERNEL = """
def why(error):
    return error.strerror

def call(name, *arguments):
    raise OSError(38, f"{name}: Function not implemented")

def system_call(number, *arguments):
    return call("syscall")

def prctl(option, value=0, third=0):
    call("prctl")
"""


@pytest.fixture
def bare(package, tmp_path, monkeypatch, without_bubblewrap):
    """Start children that find no wall at all."""
    copied = tmp_path / "audit_lab"
    shutil.copytree(package, copied, ignore=shutil.ignore_patterns("__pycache__"))
    (copied / "sandbox" / "walls" / "kernel.py").write_text(NO_KERNEL)
    monkeypatch.setattr(surroundings, "PACKAGE", copied)


@pytest.fixture
def started(monkeypatch):
    """Return the list of everything that is started."""
    seen = []
    whole = launch.Child

    def child(*arguments):
        seen.append(arguments)
        return whole(*arguments)

    monkeypatch.setattr(launch, "Child", child)
    return seen


def test_the_offer_is_found_out_once(fresh, started):
    offer = isolation_offered()
    assert isolation_offered() is offer
    assert len(started) == 1
    assert set(offer.record) == {*WALLS, "started_by"}
    assert set(offer.missing) <= set(WALLS)


def test_a_machine_with_nothing_says_so(bare):
    offer = isolation_offered()
    assert offer.missing == WALLS
    assert offer.record["network"].startswith("audit hook only (unshare")
    assert offer.record["files"].startswith("audit hook only: the work folder (unshare")
    assert offer.record["processes"].startswith("not apart from others (unshare")
    assert offer.record["system_calls"].startswith("not filtered (")
    assert offer.record["user"].startswith("uid ")
    assert offer.record["started_by"] == "the sandbox itself (bubblewrap is not installed)"


def test_a_machine_with_nothing_still_runs_what_need_not_be_isolated(bare, tmp_path):
    result = run_task("audit_lab.probes:echo", header={"a": 1}, tables={}, files={})
    assert result.header == {"a": 1}
    assert result.isolation["network"].startswith("audit hook only")
    for name in ("connect", "fork"):
        with pytest.raises(SandboxError, match="the sandbox refuses"):
            run_task(f"audit_lab.probes:{name}", header={}, tables={}, files={})
    with pytest.raises(SandboxError, match="refuses to write"):
        run_task("audit_lab.probes:write", header={"path": str(tmp_path / "x")}, tables={}, files={})


@pytest.mark.parametrize("start", [Worker, warm_worker])
def test_what_must_be_isolated_is_not_started_there(bare, start):
    isolation_offered()
    with pytest.raises(SandboxError, match="does not isolate a child well enough.*network: audit hook only") as caught:
        start({"artifact": b"x"}, must_isolate=True)
    assert caught.value.reason == "isolation"


def test_nothing_is_started_once_the_offer_is_known(bare, started):
    isolation_offered()
    del started[:]
    with pytest.raises(SandboxError):
        run_task(REPORT, header={}, tables={}, files={"artifact": b"x"}, must_isolate=True)
    assert started == []


@pytest.mark.parametrize("wall", WALLS)
def test_one_missing_wall_is_enough_to_refuse(monkeypatch, wall):
    offer = Isolation({wall: "not there"}, (wall,))
    monkeypatch.setattr(run, "isolation_offered", lambda _: offer)
    with pytest.raises(SandboxError, match=f"{wall}: not there") as caught:
        Worker({}, must_isolate=True)
    assert caught.value.reason == "isolation"


def test_the_artifact_is_handed_over_only_after_its_own_child_was_looked_at(bare, monkeypatch):
    """The offer may be stale: the child that would meet the artifact is asked as well."""
    monkeypatch.setattr(run, "isolation_offered", lambda _: Isolation({}, ()))
    handed_over = []
    monkeypatch.setattr(launch.SharedFolder, "add_file", lambda *given: handed_over.append(given))
    with pytest.raises(SandboxError) as caught:
        Worker({"artifact": b"x"}, must_isolate=True)
    assert caught.value.reason == "isolation"
    assert handed_over == []


def test_what_must_be_isolated_runs_where_every_wall_stands(fresh):
    if isolation_offered().missing:
        pytest.skip("not every wall stands here")
    result = run_task(REPORT, header={"a": 1}, tables={}, files={"artifact": b"x"}, must_isolate=True)
    assert result.header == {"a": 1}


def test_without_libseccomp_the_filter_is_missing_and_the_reason_is_told(fresh, monkeypatch):
    def missing():
        raise RuntimeError("Unable to find libseccomp")

    monkeypatch.setattr(system_calls, "_library", missing)
    offer = isolation_offered()
    assert "system_calls" in offer.missing
    assert offer.record["system_calls"] == "not filtered (libseccomp cannot be used: Unable to find libseccomp)"


def test_a_bubblewrap_that_fails_is_passed_over_and_named(fresh, monkeypatch, tmp_path):
    from audit_lab.sandbox import bubblewrap

    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(bubblewrap, "program", lambda: str(broken))
    told = isolation_offered().record["started_by"]
    assert told.startswith("the sandbox itself (")
    assert "bubblewrap: bwrap: No permissions to create new namespace" in told
    assert set(launch._refused) >= {"bubblewrap"}


def test_as_root_an_unreachable_interpreter_keeps_its_user_and_says_so(without_bubblewrap, monkeypatch, tmp_path):
    import os

    if os.geteuid() != 0:
        pytest.skip("only root has another user to become")
    (tmp_path / "closed").mkdir(mode=0o700)
    monkeypatch.setattr(
        surroundings,
        "readable_places",
        lambda *_, whole=surroundings.readable_places: [*whole(*_), tmp_path / "closed"],
    )
    offer = isolation_offered()
    assert "user" in offer.missing
    assert offer.record["user"].endswith("(another user could not read the interpreter or its libraries)")


def test_without_bubblewrap_every_wall_stands_around_an_interpreter_that_all_can_read(without_bubblewrap, foreign):
    record = run_task(REPORT, header={}, tables={}, files={}, environment=foreign).isolation
    if isolation_offered().record["processes"].startswith("not apart"):
        pytest.skip("this kernel gives no namespaces")
    assert record["network"] == "none: own network namespace"
    assert record["files"].startswith("own mount namespace")
    assert record["user"].startswith("unprivileged")
