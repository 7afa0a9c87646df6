"""What a recorder gives back for a record: its id, and a way to wait until it is on the disk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from audit_lab.capture.recorder.record_form import id_text
from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from collections.abc import Generator

    from audit_lab.capture.recorder.spool_writer import SpoolWriter

__all__ = ["NOT_SAMPLED", "Ticket"]

#: The number of a prediction that the sampling left out.
NOT_SAMPLED = 0


class Ticket:
    """One record that was handed in.

    ``ticket.wait()`` returns, and ``await ticket`` goes on, when the record is on the disk. A record that was left out
    because memory was full (``when_full="drop"``) has no place there: `is_dropped` says so, and waiting for it returns
    at once. The same holds for a prediction that is not `is_sampled`.
    """

    __slots__ = ("_id", "_number", "_writer")

    def __init__(self, stored_id: bytes | str, number: int, writer: SpoolWriter | None) -> None:
        self._id = stored_id
        self._number = number
        self._writer = writer

    @property
    def prediction_id(self) -> str:
        """The id under which the log has the prediction."""
        return id_text(self._id)

    @property
    def is_dropped(self) -> bool:
        """Whether the record was left out because memory was full, and counted as missing."""
        return self._writer is None and self._number != NOT_SAMPLED

    @property
    def is_sampled(self) -> bool:
        """Whether the recorder's sampling takes the prediction; one that it leaves out is counted, and not recorded."""
        return self._number != NOT_SAMPLED

    @property
    def is_durable(self) -> bool:
        """Whether the record is on the disk."""
        return self._writer is not None and self._number < self._writer.durable

    def wait(self, timeout: float | None = None) -> None:
        """Return when the record is on the disk.

        Parameters
        ----------
        timeout
            Seconds to wait; None waits until it is there or the disk refuses.

        Raises
        ------
        StorageError
            The disk refuses, or it took longer.
        """
        if self._writer is not None:
            self._writer.wait(self._number, timeout)

    def __await__(self) -> Generator[object, None, None]:
        """Wait without holding up the event loop."""
        if self._writer is not None and self._number >= self._writer.durable:
            yield from asyncio.wrap_future(self._writer.promise(self._number)).__await__()

    @spelling_text
    def __repr__(self) -> str:
        """Name the prediction, and where it is."""
        where = "not sampled" if not self.is_sampled else "dropped" if self.is_dropped else "in memory"
        where = "on the disk" if self.is_durable else where
        return f"Ticket({self.prediction_id}, {where})"
