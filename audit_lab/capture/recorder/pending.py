"""What waits in memory for the thread that writes: records, and gaps where memory was full."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Gap", "Pending", "Taken"]

#: So long who waits for room is held between two looks.
_LOOK_S = 0.001


@dataclass
class Gap:
    """Records that were not taken: how many, between which times, and why; empty where memory was full."""

    count: int
    begun: int
    ended: int
    because: str = ""


@dataclass(frozen=True)
class Taken:
    """What waited: records and gaps, the number of the first, the records' bytes, and whether there are gaps."""

    items: list[bytes | Gap]
    first: int
    size: int
    has_gaps: bool


class Pending:
    """What waits in memory: encoded records and gaps, in the order of their sequence numbers.

    Guarded by `lock`; `next` is the number that the next record gets.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.items: list[bytes | Gap] = []
        self.size = 0
        self.next = 1
        self.dropped = 0
        #: Whether nothing is taken any more.
        self.is_ended = False
        #: Gaps among the items, and the records that were left out in them.
        self._gaps = self._missing = 0

    def put(self, content: bytes, most_bytes: int, wake: threading.Event) -> int | None:
        """Take a record, wake who waits for the first, return its number; None where memory is full or all ended."""
        with self.lock:
            if self.size >= most_bytes or self.is_ended:
                return None
            if not self.items:
                wake.set()
            number = self.next
            self.next = number + 1
            self.items.append(content)
            self.size += len(content)
            return number

    def drop(self, because: str = "") -> int:
        """Count a record that is left out, and return the number that it would have had; `because` as in `Gap`."""
        now = time.time_ns() // 1_000
        with self.lock:
            number = self.next
            self.next += 1
            self.dropped += 1
            self._missing += 1
            last = self.items[-1] if self.items else None
            if isinstance(last, Gap) and last.because == because:
                last.count += 1
                last.ended = now
            else:
                self.items.append(Gap(1, now, now, because))
                self._gaps += 1
        return number

    def end(self) -> None:
        """Take nothing any more: whoever has a number by then is written."""
        with self.lock:
            self.is_ended = True

    def has_room(self, most_bytes: Callable[[], int], patience_s: float) -> bool:
        """Wait up to some seconds until there is room, and return whether there is."""
        deadline = time.monotonic() + patience_s
        while self.size >= most_bytes():
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_S)
        return True

    def take(self) -> Taken:
        """Return all that waits."""
        with self.lock:
            items, self.items = self.items, []
            size, self.size = self.size, 0
            gaps, missing, self._gaps, self._missing = self._gaps, self._missing, 0, 0
            upto = self.next
        return Taken(items, upto - (len(items) - gaps) - missing, size, has_gaps=gaps > 0)
