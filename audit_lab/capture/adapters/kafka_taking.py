"""The messages of a Kafka topic, batch by batch: which are held, which wait for their other side, what is appended.

The next offset of each partition is sealed in one append with the rows of the messages before it. So a consumer that
dies after an append and before the broker knows of it goes on behind that append, and one that dies before it reads the
messages again. Offsets are committed after the append, for those who watch the lag.

Requests and responses that are messages of their own wait for each other. Which messages wait is sealed with the rest:
after a stop they alone are read again.
"""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING

from audit_lab.capture.adapters.adaptation import take
from audit_lab.capture.adapters.block import Place
from audit_lab.capture.adapters.exchange import REQUEST, RESPONSE, Half, Refusal
from audit_lab.capture.adapters.kafka_report import TopicReport
from audit_lab.capture.adapters.ledger import FilePart
from audit_lab.capture.adapters.pairing import paired
from audit_lab.capture.adapters.part import Part
from audit_lab.capture.adapters.source import SourceFile
from audit_lab.seal.digests import sha256

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.capture.adapters.appending import Appending
    from audit_lab.capture.adapters.exchange import Form
    from audit_lab.capture.adapters.kafka_consumer import Message, TopicConsumer
    from audit_lab.capture.adapters.settings import Settings

__all__ = ["Taking"]

#: Messages are appended when there are so many, they have so many bytes, or the first of them is so old.
_MOST, _MOST_BYTES, _OLDEST_S = 50_000, 64_000_000, 10.0
#: Beyond so many that wait for their other side, the oldest are taken alone.
_MOST_WAITING = 10_000
_POLL_S = 0.2

#: What a message says, where it stands, and when it was written, in seconds since 1970.
_Held = tuple[Half | Refusal, Place, float]


class Taking:
    """Takes the messages of a topic over into a log.

    Parameters
    ----------
    consumer, topic
        Where they come from.
    form, reader, settings
        How they are understood: `reader` returns of a value, its headers and an id what it says, and its bytes.
    appending
        Where they go.
    pair_within_s
        How long a request waits for its response, in seconds.
    """

    def __init__(
        self,
        consumer: TopicConsumer,
        topic: str,
        *,
        form: Form,
        reader: Callable[..., tuple[Half | Refusal, bytes]],
        appending: Appending,
        settings: Settings,
        pair_within_s: float,
    ) -> None:
        self._consumer, self._topic, self._form, self._reader = consumer, topic, form, reader
        self._appending, self._settings, self._within_s = appending, settings, pair_within_s
        # The first is the topic itself: how often it was appended from makes the name of each part.
        self._files = [_file(consumer.cluster, topic, None)]
        self._files += [_file(consumer.cluster, topic, partition) for partition in consumer.partitions]
        self._index = {partition: number for number, partition in enumerate(consumer.partitions, start=1)}
        ledger = appending.ledger
        self._next = {each: ledger.start(self._files[number]) for each, number in self._index.items()}
        self._awaited = {each: set(ledger.pending(self._files[number])) for each, number in self._index.items()}
        #: Where messages after a stop are new again: before, only those that waited are taken.
        self._known = dict(self._next)
        self._held: list[_Held] = []
        self._bytes, self._since = 0, 0.0
        self._missing = dict.fromkeys(self._next, 0)
        self._problem: str | None = None

    def run(self, follow_s: float) -> None:
        """Take over what is there, and what comes within some seconds after that."""
        self._begin()
        until: float | None = None
        # Where a partition ended when it was first heard of: what comes behind that is what is followed.
        ends, met = dict[int, int](), set[int]()
        while until is None or monotonic() < until:
            if until is None and len(met) == len(self._next):
                until = monotonic() + follow_s
                continue
            left = _POLL_S if until is None else max(0.0, min(_POLL_S, until - monotonic()))
            messages, reached = self._consumer.read(left)
            for message in messages:
                self._hold(message)
                partition = message.partition
                if partition not in ends:
                    ends[partition] = self._consumer.end_of(partition)
                if message.offset + 1 >= ends[partition] > 0:
                    met.add(partition)
            for partition, offset in reached:
                met.add(partition)
                self._pass_known(partition)
                self._next[partition] = max(self._next[partition], offset)
            is_old = self._held and monotonic() - self._since > _OLDEST_S
            if len(self._held) >= _MOST or self._bytes >= _MOST_BYTES or is_old:
                self._append()
        self._append()

    def report(self, log: str) -> TopicReport:
        """Return what came of the topic."""
        ledger, total = self._appending.ledger, dict[str, int]()
        for file in self._files[1:]:
            for name, count in ledger.counts(file).items():
                total[name] = total.get(name, 0) + count
        return TopicReport(
            topic=self._topic,
            log=log,
            form=self._form.name,
            read=total.get("rows", 0),
            kept=total.get("kept", 0),
            quarantined=total.get("quarantined", 0),
            predictions=total.get("predictions", 0),
            labels=total.get("labels", 0),
            predictions_added=self._appending.added["predictions"],
            waiting=sum(len(ledger.pending(file)) for file in self._files[1:]),
            missing=total.get("missing_offsets", 0),
            partitions={each: ledger.start(self._files[number]) for each, number in self._index.items()},
            commit_problem=self._problem,
        )

    def _begin(self) -> None:
        """Go to where the log goes on in each partition; what the broker removed meanwhile is counted."""
        starts = dict[int, int]()
        for partition, low in self._consumer.firsts().items():
            known = self._next[partition]
            gone = {offset for offset in self._awaited[partition] if offset < low}
            self._awaited[partition] -= gone
            self._missing[partition] = len(gone) + max(0, low - known if known else 0)
            self._next[partition] = max(known, low)
            self._known[partition] = self._next[partition]
            starts[partition] = min([self._next[partition], *self._awaited[partition]])
        self._consumer.begin(starts)

    def _hold(self, message: Message) -> None:
        partition, offset = message.partition, message.offset
        if offset < self._known[partition]:
            if offset not in self._awaited[partition]:
                return
            self._awaited[partition].discard(offset)
        elif offset < self._next[partition]:
            return
        else:
            self._pass_known(partition)
        made = f"{self._files[self._index[partition]].sha256[:16]}:{offset}"
        found, raw = self._reader(message.value, message.headers, made)
        if not self._held:
            self._since = monotonic()
        written = time() if message.written_ms is None else message.written_ms / 1_000
        self._held.append((found, Place(self._index[partition], offset, raw), written))
        self._bytes += len(raw)
        self._next[partition] = max(self._next[partition], offset + 1)

    def _pass_known(self, partition: int) -> None:
        """Count what waited and was not met again on the way here: the broker has it no more."""
        self._missing[partition] += len(self._awaited[partition])
        self._awaited[partition].clear()

    def _append(self) -> None:
        """Append what is held, but for what waits for its other side; then tell the broker."""
        ledger = self._appending.ledger
        ready, waiting = self._parted()
        pending: dict[int, list[int]] = {number: [] for number in self._index.values()}
        for _, place, _ in waiting:
            pending[place.file].append(place.number)
        for partition, number in self._index.items():
            # What waited before and was not read again yet waits on.
            pending[number] += [each for each in self._awaited[partition] if each not in pending[number]]
        sequence = ledger.start(self._files[0])
        parts = [FilePart(self._files[0], sequence, sequence + 1)]
        for partition, number in self._index.items():
            start = ledger.start(self._files[number])
            here = FilePart(self._files[number], start, self._next[partition])
            here.pending = tuple(sorted(pending[number]))
            here.counts["missing_offsets"] = self._missing[partition]
            parts.append(here)
        same = all(
            each.next_start == each.start
            and each.pending == ledger.pending(each.file)
            and not any(each.counts.values())
            for each in parts[1:]
        )
        self._since = monotonic()
        if not ready and same:
            return
        part = Part()
        for _, place, _ in ready:
            parts[place.file].counts["rows"] += 1
        records = [(found, place) for found, place, _ in ready]
        exchanges = paired(records) if self._form.pairs else ((found, (place,)) for found, place in records)
        for found, places in exchanges:
            take(part, self._form, found, places, self._settings)
        self._appending.append(part, parts, self._form.name)
        self._missing = dict.fromkeys(self._missing, 0)
        self._held, self._bytes = waiting, 0
        done = {each: min([self._next[each], *pending[number]]) for each, number in self._index.items()}
        self._problem = self._consumer.commit(done)

    def _parted(self) -> tuple[list[_Held], list[_Held]]:
        """Return the messages to take now, and those whose other side may still come."""
        if not self._form.pairs:
            return self._held, []
        sides: dict[tuple[str, str], set[str]] = {}
        for found, _, _ in self._held:
            if isinstance(found, Half) and found.side in {REQUEST, RESPONSE}:
                sides.setdefault((found.key, found.step), set()).add(found.side)
        now = time()
        ready: list[_Held] = []
        waiting: list[_Held] = []
        for each in self._held:
            found, _, written = each
            waits = isinstance(found, Half) and len(sides.get((found.key, found.step), "12")) == 1
            (waiting if waits and now - written < self._within_s else ready).append(each)
        waiting.sort(key=lambda each: each[2])
        extra = max(0, len(waiting) - _MOST_WAITING)
        return [*ready, *waiting[:extra]], waiting[extra:]


def _file(cluster: str, topic: str, partition: int | None) -> SourceFile:
    """Return a partition, or the topic itself, as the ledger knows it."""
    name = f"kafka:{topic}" if partition is None else f"kafka:{topic}/{partition}"
    return SourceFile(name, Path(name), sha256(json.dumps(["kafka", cluster, topic, partition]).encode()), 0)
