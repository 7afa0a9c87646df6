"""Replay many predictions: read in chunks, scored by one warm child for each version, compared row by row."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import TYPE_CHECKING, Self

from audit_lab.replay.recorded_rows import CHUNK_ROWS, RecordedRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, Future

    import polars as pl

    from audit_lab.log.search.query import Question
    from audit_lab.log.store import LogStore
    from audit_lab.replay.kept_replay import KeptReplay
    from audit_lab.replay.recorded_rows import Chunk
    from audit_lab.replay.runner import Prepared, Runner, Tried

    _Fed = tuple[Chunk, Future[list[tuple[Prepared, Tried]]]]

__all__ = ["replay_window"]

#: Chunks in memory at a time: one is compared, one is with the child, one is written down for it, others are read, as
#: many as can be while a child comes up.
_AHEAD = 6


def replay_window(
    store: LogStore,
    question: Question,
    runner: Runner,
    *,
    keep: KeptReplay | None = None,
    progress: Callable[[str, int], None] | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[pl.DataFrame]:
    """Yield the verdicts of what a question finds, chunk by chunk, in the order in which the log holds the rows.

    While a child scores one chunk the next ones are read and handed over, and the one before is compared.

    Parameters
    ----------
    store, question
        The log, and which of its predictions.
    runner
        Runs the versions.
    keep
        Where chunks are kept as they are done; those that it has already are not replayed again, nor yielded.
    progress
        Called after each chunk of a version with its name and the number of predictions.
    chunk_rows
        Rows of a chunk.

    Yields
    ------
    pl.DataFrame
        `RESULT_SCHEMA`.

    Raises
    ------
    LogError, MisuseError
        A table cannot be read, or the question cannot be answered.
    """
    reading = RecordedRows(store, question, chunk_rows)
    first = reading.first_version()
    if first is not None:
        runner.begin(*first)
    with ThreadPoolExecutor(2, "score") as scorer, _Feed(reading, runner, scorer, keep) as feed:
        scorer.submit(runner.load_ahead)
        for chunk, scoring in feed:
            done = scoring.result()
            result = runner.finished(done)
            if keep is not None:
                ran = {group.name: runner.ran[group.name] for group, _ in done if group.name in runner.ran}
                keep.add(chunk, result, ran)
            for group, _ in done:
                if progress is not None:
                    progress(group.name, group.rows.height)
            yield result


class _Feed:
    """Chunks in order, read by a thread and handed to the child as there is room for them.

    Left by an error, it ends the child and reads no further.
    """

    def __init__(self, reading: RecordedRows, runner: Runner, scorer: Executor, keep: KeptReplay | None) -> None:
        self._runner, self._scorer = runner, scorer
        self._chunks = reading.chunks(frozenset() if keep is None else keep.done())
        self._room = Semaphore(_AHEAD)
        self._ready: SimpleQueue[_Fed | Exception | None] = SimpleQueue()
        self._is_over = False
        self._thread = Thread(target=self._read, name="read")

    def _read(self) -> None:
        try:
            while self._room.acquire() and not self._is_over and (chunk := next(self._chunks, None)) is not None:
                prepared = self._runner.prepared(chunk.rows)
                self._ready.put((chunk, self._scorer.submit(self._score, prepared)))
            self._ready.put(None)
        except Exception as error:  # noqa: BLE001 - raised again where the chunks are asked for
            self._ready.put(error)

    def _score(self, groups: list[Prepared]) -> list[tuple[Prepared, Tried]]:
        return [(group, self._runner.tried(group)) for group in groups]

    def __iter__(self) -> Iterator[_Fed]:
        while (fed := self._ready.get()) is not None:
            if isinstance(fed, Exception):
                raise fed
            yield fed
            self._room.release()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._is_over = True
        self._room.release()
        if error is not None:
            self._scorer.shutdown(wait=False, cancel_futures=True)
            self._runner.cancel()
        self._thread.join()
