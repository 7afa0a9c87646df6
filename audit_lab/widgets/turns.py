"""A thread that does one thing after another, the most urgent first."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from queue import PriorityQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Turns"]

_END = 1 << 30


@dataclass(frozen=True, order=True)
class _Turn:
    urgency: int
    number: int
    do: Callable[[], Any] | None = field(compare=False)


class Turns:
    """Does what it is given in a thread of its own: what has the smallest number first, equal ones in the order given.

    What runs is not interrupted. None of it must raise: nobody would hear of it.

    Parameters
    ----------
    name
        What the thread is called. It begins with the first of them, and does not keep the interpreter from ending.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: PriorityQueue[_Turn] = PriorityQueue()
        self._numbers = count()
        self._thread: Thread | None = None
        self._lock = Lock()
        self._closed = False

    def submit(self, urgency: int, do: Callable[..., Any], *given: Any) -> None:
        """Have something done, called with what is given; nothing is done any more after `close`."""
        with self._lock:
            if self._closed:
                return
            self._waiting.put(_Turn(urgency, next(self._numbers), lambda: do(*given)))
            if self._thread is None:
                self._thread = Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Do nothing of what waits any more; what runs goes on to its end."""
        with self._lock:
            self._closed = True
            self._waiting.put(_Turn(-_END, next(self._numbers), None))

    def _run(self) -> None:
        while True:
            do = self._waiting.get().do
            if do is None:
                return
            do()
