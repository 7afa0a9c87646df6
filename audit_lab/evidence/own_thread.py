"""Runs a coroutine in a thread of its own, so that signals stay with the thread that waits for it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["run_in_own_thread"]

_PAUSE_S = 0.2
#: How long a coroutine may take to clean up after an interrupt.
_PATIENCE_S = 20.0


def run_in_own_thread(work: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine to its end, whether or not this thread already runs a loop; raise what it raises.

    A loop in the main thread lets libraries take over SIGINT and SIGTERM; one in another thread does not. An interrupt
    of the waiting thread cancels the coroutine, waits for its clean-up, and goes on.
    """
    runner = asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)
    loop = runner.get_loop()
    task = loop.create_task(work)
    done = threading.Event()  # an interrupted join() takes the thread for ended (bpo-45274)

    def until_done() -> None:
        try:
            with runner:
                runner.run(_settled(task))
        finally:
            done.set()

    threading.Thread(target=until_done, name="audit_lab notebook", daemon=True).start()
    try:
        while not done.wait(_PAUSE_S):
            pass
    except BaseException:
        with suppress(RuntimeError):  # the loop was closed just now
            loop.call_soon_threadsafe(task.cancel)
        done.wait(_PATIENCE_S)
        raise
    task.result()


async def _settled(task: asyncio.Task[Any]) -> None:
    """Wait for a task whatever becomes of it, and take note of its exception, so that nobody warns of it."""
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
