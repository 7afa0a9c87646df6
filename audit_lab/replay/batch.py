"""Replay many predictions: read in chunks, scored by one warm child for each version, compared row by row."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

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

__all__ = ["replay_window"]


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

    While a child scores one chunk the next one is read, and the one before is compared.

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
    chunks = reading.chunks(frozenset() if keep is None else keep.done())

    def read() -> tuple[Chunk, list[Prepared]] | None:
        chunk = next(chunks, None)
        return None if chunk is None else (chunk, runner.prepared(chunk.rows))

    def score(groups: list[Prepared]) -> list[tuple[Prepared, Tried]]:
        return [(group, runner.tried(group)) for group in groups]

    with ThreadPoolExecutor(1, "read") as reader, ThreadPoolExecutor(1, "score") as scorer:
        try:
            for chunk, scoring in _overlapped(reader, read, scorer, score):
                done = scoring.result()
                result = runner.finished(done)
                if keep is not None:
                    keep.add(
                        chunk,
                        result,
                        {group.name: runner.ran[group.name] for group, _ in done if group.name in runner.ran},
                    )
                for group, _ in done:
                    if progress is not None:
                        progress(group.name, group.rows.height)
                yield result
        except BaseException:
            runner.cancel()
            raise


def _overlapped(
    reader: Executor,
    read: Callable[[], tuple[Chunk, list[Prepared]] | None],
    scorer: Executor,
    score: Callable[[list[Prepared]], list[tuple[Prepared, Tried]]],
) -> Iterator[tuple[Chunk, Future[list[tuple[Prepared, Tried]]]]]:
    """Yield each chunk once the next one is handed to the child, while the one after that is read."""
    coming, waiting = reader.submit(read), None
    while (prepared := coming.result()) is not None:
        coming = reader.submit(read)
        chunk, groups = prepared
        started = (chunk, scorer.submit(score, groups))
        if waiting is not None:
            yield waiting
        waiting = started
    if waiting is not None:
        yield waiting
