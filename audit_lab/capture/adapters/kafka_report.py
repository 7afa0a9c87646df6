"""What came of a Kafka topic that was taken over."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from audit_lab.log.files.printable import printable

__all__ = ["TopicReport"]


@dataclass(frozen=True)
class TopicReport:
    """What came of a topic, over all runs, and of this run.

    Attributes
    ----------
    topic, log, form
        What was read into which log.
    read, kept, quarantined
        Messages; the first is the sum of the others.
    predictions, labels
        Rows that came of them.
    predictions_added
        Rows that this run added.
    waiting
        Messages that wait for their other side; they are read again.
    missing
        Offsets that the broker had no more when their turn came: lost, or never written.
    partitions
        Partition to the offset that is next.
    commit_problem
        Why the broker could not be told, None where it was.
    """

    topic: str
    log: str
    form: str
    read: int
    kept: int
    quarantined: int
    predictions: int
    labels: int
    predictions_added: int
    waiting: int
    missing: int
    partitions: dict[int, int]
    commit_problem: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-safe values."""
        return {**asdict(self), "partitions": {str(name): offset for name, offset in self.partitions.items()}}

    def lines(self) -> list[str]:
        """Return the report as sentences."""
        told = [
            (
                f"{self.read:,} messages ({self.form}) of {printable(self.topic)}: {self.kept:,} kept, "
                f"{self.quarantined:,} quarantined."
            ),
            (
                f"{self.predictions:,} predictions and {self.labels:,} labels came of them; this run added "
                f"{self.predictions_added:,} predictions."
            ),
        ]
        if self.waiting:
            told.append(f"{self.waiting:,} messages wait for their other side; they are read again next time.")
        if self.missing:
            told.append(f"{self.missing:,} offsets were not there any more when their turn came.")
        if self.commit_problem is not None:
            told.append(f"The broker could not be told ({self.commit_problem}); the log knows where to go on.")
        return told
