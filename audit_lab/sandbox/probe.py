"""A task that does nothing: what it comes back with is the isolation that was in force."""

from __future__ import annotations

from audit_lab.sandbox.job import Answer, Job

__all__ = ["report"]


def report(job: Job) -> Answer:
    """Task: hand the header back."""
    return Answer(header=job.header)
