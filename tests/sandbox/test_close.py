"""A worker that is closed while a job runs in another thread: the job ends at once, and nothing is closed twice."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from audit_lab.errors import SandboxError
from audit_lab.sandbox import Worker


def test_a_job_of_another_thread_ends_when_the_worker_is_closed(probes):
    with ThreadPoolExecutor(1) as pool, Worker({}) as worker:
        worker.run("audit_lab.probes:echo", header={}, tables={})
        running = pool.submit(worker.run, "audit_lab.probes:sleep", header={}, tables={})
        time.sleep(0.3)
        started = time.monotonic()
        worker.close()
        with pytest.raises(SandboxError) as caught:
            running.result(10)
        assert caught.value.reason == "crash"
        assert time.monotonic() - started < 5
        assert worker.closed
