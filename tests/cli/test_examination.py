"""What the doctor says about the walls around a replay."""

from __future__ import annotations

import pytest

from audit_lab.cli import examination
from audit_lab.errors import SandboxError
from audit_lab.sandbox.job import Isolation

STANDING = {
    "network": "none: own network namespace",
    "files": "own mount namespace and Landlock 7: the work folder only",
    "processes": "own process namespace: none may be started",
    "system_calls": "seccomp filter",
    "user": "unprivileged (uid 1900000001)",
    "started_by": "bubblewrap 0.8.0",
}


@pytest.fixture
def told(monkeypatch):
    """Return what the doctor says of a machine that offers some isolation, or raises."""

    def tell(offered):
        def answer():
            if isinstance(offered, Exception):
                raise offered
            return offered

        monkeypatch.setattr("audit_lab.sandbox.isolation_offered", answer, raising=False)
        checks = [check for check in examination.examine_machine() if check.what.startswith("replay sandbox")]
        return [(check.what, check.state, check.found, check.next_step) for check in checks]

    return tell


def test_where_every_wall_stands_each_is_named(told):
    assert told(Isolation(STANDING, ())) == [
        (
            "replay sandbox",
            "ok",
            (
                "network: none: own network namespace; files: own mount namespace and Landlock 7: the work folder "
                "only; processes: own process namespace: none may be started; system calls: seccomp filter; user: "
                "unprivileged (uid 1900000001)"
            ),
            "",
        )
    ]


def test_each_wall_that_is_missing_is_named_with_what_follows(told):
    record = STANDING | {"network": "audit hook only (no namespace)", "system_calls": "not filtered (no libseccomp)"}
    advice = "Install bubblewrap and libseccomp, and allow unprivileged user namespaces (docs/sandbox.md)."
    first, *missing = told(Isolation(record, ("network", "system_calls")))
    assert first[:3] == (
        "replay sandbox",
        "ok",
        (
            "files: own mount namespace and Landlock 7: the work folder only; processes: own process namespace: none "
            "may be started; user: unprivileged (uid 1900000001)"
        ),
    )
    assert missing == [
        ("replay sandbox: network", "missing", "audit hook only (no namespace)", advice),
        ("replay sandbox: system calls", "missing", "not filtered (no libseccomp)", advice),
        (
            "replay sandbox: what follows",
            "missing",
            (
                "an artifact allowed by --trust, and recorded environments, will not run here; what else runs is less "
                "shut in, so replay only artifacts that you trust"
            ),
            "",
        ),
    ]


def test_that_no_wall_stands_is_said(told):
    first, *missing = told(Isolation(STANDING, ("network", "files", "processes", "system_calls", "user")))
    assert first[:3] == ("replay sandbox", "ok", "a child process without walls")
    assert len(missing) == 6


def test_a_child_that_does_not_start_is_wanting(told):
    error = SandboxError("no child starts", "Look at the machine.", "error")
    assert told(error) == [("replay sandbox", "wanting", "no child starts", "Look at the machine.")]
