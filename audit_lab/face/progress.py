"""How far a question is: told to whoever wants to know, and shown where a person waits for longer than a second."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import wraps
from threading import Event, Thread, current_thread, main_thread
from time import monotonic
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar
from uuid import uuid4

from audit_lab.log.files.printable import printable
from audit_lab.log.store import LogStore

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime

    import narwhals as nw
    import polars as pl

__all__ = ["WatchedStore", "is_attended", "shown", "shown_elsewhere", "shown_while", "watched"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_FIRST_SECONDS, _NEXT_SECONDS = 1.0, 0.5
_LONGEST = 100


@dataclass
class _Shown:
    """What the line says by now: what is read, and since when that is waited for; and whether it is kept back."""

    read: str = ""
    since: float = field(default_factory=monotonic)
    is_silent: bool = False


#: The question that is being answered: one that is asked meanwhile is a part of it. And who shows it in its place.
_answered: list[_Shown] = []
_others: list[object] = []


class _Place(Protocol):
    """Where a line is shown, changed and taken away again."""

    def show(self, text: str) -> None: ...

    def clear(self) -> None: ...


class _Terminal:
    """The last line of a terminal, on standard error."""

    def show(self, text: str) -> None:
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()

    def clear(self) -> None:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


class _Cell:
    """A line of a notebook's cell, which is empty in the end."""

    def __init__(self) -> None:
        self._id = uuid4().hex
        self._is_there = False

    def show(self, text: str) -> None:
        from IPython.display import display

        said = {"text/plain": f"{text} (interrupt the kernel to stop)"}
        display(said, raw=True, display_id=self._id, update=self._is_there)
        self._is_there = True

    def clear(self) -> None:
        from IPython.display import display

        if self._is_there:
            display({"text/plain": ""}, raw=True, display_id=self._id, update=True)


@contextmanager
def shown_while(what: str, progress: Callable[[str, int], None] | None = None) -> Iterator[Callable[[str, int], None]]:
    """Show, after a second, that a question is being answered, for how long by now, and what is read for it.

    That is on the last line of a terminal, or in the cell of a notebook that somebody sits before, and is gone when the
    question is answered or interrupted. Elsewhere, in another thread, and where `progress` is given, nothing is shown.

    Parameters
    ----------
    what
        The question, in a word or two.
    progress
        Called with a word for what is done next and how much of it there is; whatever it raises ends the question.

    Yields
    ------
    Callable
        What is to be called as work is done; after the block it does nothing.
    """
    is_inner = bool(_answered)
    place = None if progress is not None or is_inner or _others else _place()
    shown = _answered[0] if is_inner and current_thread() is main_thread() else _Shown()
    over, was_silent = Event(), shown.is_silent
    shown.is_silent = was_silent or progress is not None

    def told(word: str, count: int) -> None:
        if over.is_set():
            return
        shown.read = f"{word}, {count:,} rows"
        if progress is not None:
            progress(word, count)

    if place is None:
        try:
            yield told
        finally:
            over.set()
            shown.is_silent = was_silent
        return
    _answered.append(shown)
    clock = Thread(target=_tick, args=(what, place, over, shown), name="audit-lab-progress", daemon=True)
    clock.start()
    try:
        yield told
    finally:
        over.set()
        _answered.clear()
        clock.join()


def shown(what: str, work: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return the same work, of which is shown in a notebook that it goes on and for how long: see `shown_while`.

    Nothing is shown where it is told a `progress`, and in a terminal, on whose last line it may ask for a passphrase;
    the command line has a bar for it. An interrupt ends it as it ends the work itself.
    """

    @wraps(work)
    def watched(*args: _P.args, **given: _P.kwargs) -> _R:
        if given.get("progress") is not None or getattr(_shell(), "kernel", None) is None:
            return work(*args, **given)
        with shown_while(what):
            return work(*args, **given)

    return watched


@contextmanager
def shown_elsewhere() -> Iterator[None]:
    """Show nothing of questions that are asked inside the block: whoever asks them shows how far they are."""
    mark = object()
    _others.append(mark)
    try:
        yield
    finally:
        _others.remove(mark)


def _tick(what: str, place: _Place, over: Event, shown: _Shown) -> None:
    wait, is_there = _FIRST_SECONDS, False
    while not over.wait(wait):
        wait = _NEXT_SECONDS
        if shown.is_silent:
            continue
        reading = f", reading {shown.read}" if shown.read else ""
        place.show(printable(f"{what}: {monotonic() - shown.since:.0f} s{reading}", _LONGEST))
        is_there = True
    if is_there:
        place.clear()


def is_attended() -> bool:
    """Whether somebody may sit before this: not where a notebook is run through, by an export or nbconvert."""
    kernel = getattr(_shell(), "kernel", None)
    return kernel is None or bool(getattr(kernel, "_allow_stdin", False))


def _place() -> _Place | None:
    """Return where a person who waits can see a line; None where nobody does."""
    if current_thread() is not main_thread():
        return None
    kernel = getattr(_shell(), "kernel", None)
    if kernel is not None:
        # Whoever runs a notebook through (an export, nbconvert) takes no input, and outputs must not depend on time.
        return _Cell() if is_attended() else None
    return _Terminal() if sys.stderr is not None and sys.stderr.isatty() else None


def _shell() -> Any:
    interactive = sys.modules.get("IPython")
    return None if interactive is None else interactive.get_ipython()


@dataclass(frozen=True)
class WatchedStore(LogStore):
    """A log that tells which table is read next, and how many rows that has."""

    tell: Callable[[str, int], None] = field(kw_only=True, repr=False)

    def table(self, name: str) -> pl.LazyFrame:
        """Return a canonical table, and tell of it."""
        self._told(name)
        return super().table(name)

    def placed(self, name: str) -> pl.LazyFrame:
        """Return a canonical table with its places, and tell of it."""
        self._told(name)
        return super().placed(name)

    def frame(
        self,
        name: str,
        since: datetime | None = None,
        until: datetime | None = None,
        columns: Collection[str] | None = None,
    ) -> nw.LazyFrame[Any]:
        """Return a canonical table for the log's engine, and tell of it."""
        self._told(name)
        return super().frame(name, since, until, columns)

    def _told(self, name: str) -> None:
        if rows := self.source.tables().get(name):
            self.tell(name, rows)


def watched(store: LogStore, tell: Callable[[str, int], None]) -> LogStore:
    """Return the same opened log, which tells what is read of it: the table, and how many rows it has.

    What is kept at hand between questions is the same.
    """
    same = {each.name: getattr(store, each.name) for each in fields(LogStore)}
    made = WatchedStore(**same, tell=tell)
    made.__dict__["shelf"] = store.shelf
    return made
