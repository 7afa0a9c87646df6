"""Work that a view has done off the kernel's main thread, with how long it takes by now, and a way to cancel it."""

from __future__ import annotations

import ctypes
from contextvars import copy_context
from html import escape
from threading import Event, RLock, Thread, current_thread, get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import ipywidgets

from audit_lab.errors import AuditLabError
from audit_lab.widgets.page import cut

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Errand", "OvertakenError"]

_Found = TypeVar("_Found")
_TICK_SECONDS = 1.0
_HIDDEN, _SEEN = "none", "flex"


class OvertakenError(KeyboardInterrupt):
    """What is being worked on was cancelled, or something else was asked for meanwhile: as if a cell were stopped."""


class Errand(ipywidgets.HBox):
    """A line that says what is being worked on and for how long, with a button that cancels it; hidden otherwise.

    The newest errand counts: one before it is stopped, and whatever it brings home is dropped. A cell that runs
    meanwhile is not kept waiting, and neither is a press on the button.
    """

    def __init__(self) -> None:
        self._said = ipywidgets.HTML()
        self.stop = ipywidgets.Button(description="Cancel", tooltip="Cancel what is being worked on")
        super().__init__([self._said, self.stop], layout=ipywidgets.Layout(display=_HIDDEN, align_items="center"))
        self._turn = 0
        self._what = ""
        self._thread: Thread | None = None
        self._home = RLock()
        self._at_work: int | None = None
        self._failed: Callable[[str], object] | None = None
        self.stop.on_click(self._stopped)

    @property
    def is_running(self) -> bool:
        """Whether something is being worked on."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def said(self) -> str:
        """What the line says, as HTML; empty where there is nothing to say."""
        return str(self._said.value)

    def start(
        self,
        what: str,
        work: Callable[[Callable[[str, int], None]], _Found],
        done: Callable[[_Found], object],
        failed: Callable[[str], object] | None = None,
    ) -> None:
        """Have work done, and hand on what it brings home; what is being worked on is dropped for it.

        Parameters
        ----------
        what
            What is being done, as a sentence without its full stop.
        work
            Called in a thread of its own with a progress: a word and how much more was done. Where nobody waits for
            the work any more, `OvertakenError` is raised in it, as a stopped cell raises an interrupt: a model's child
            process ends with it at once, and what a file is read for when that is done.
        done
            Called in the same thread with what `work` returned.
        failed
            Called with why there is nothing: what went wrong, or that it was cancelled. The line says so, too.
        """
        with self._home:
            self._turn += 1
            self._interrupt()
            self._what, self._failed = what, failed
            self._say(what, is_running=True)
            context = copy_context()
            thread = Thread(
                target=context.run, args=(self._run, self._turn, what, work, done), name="audit-lab-errand", daemon=True
            )
            self._thread = thread
        thread.start()

    def cancel(self) -> None:
        """Let go of what is being worked on."""
        with self._home:
            if not self.is_running:
                return
            self._turn += 1
            self._interrupt()
            self._thread = None
            said = f"Cancelled: {self._what[:1].lower()}{self._what[1:]}"
            self._say(said, is_running=False)
            if self._failed is not None:
                self._failed(f"{said}.")

    def wait(self) -> None:
        """Wait until what is being worked on is there, or is not to be had."""
        thread = self._thread
        if thread is not None and thread is not current_thread():
            thread.join()

    def _stopped(self, _: Any) -> None:
        self.cancel()

    def _run(
        self,
        turn: int,
        what: str,
        work: Callable[[Callable[[str, int], None]], _Found],
        done: Callable[[_Found], object],
    ) -> None:
        over, counted = Event(), dict[str, int]()
        try:
            self._do(turn, what, work, done, over, counted)
        except OvertakenError:
            return
        finally:
            over.set()

    def _do(  # noqa: PLR0917 - an errand and its clock
        self,
        turn: int,
        what: str,
        work: Callable[[Callable[[str, int], None]], _Found],
        done: Callable[[_Found], object],
        over: Event,
        counted: dict[str, int],
    ) -> None:
        def progress(word: str, count: int) -> None:
            if turn != self._turn:
                raise OvertakenError
            counted[word] = counted.get(word, 0) + count

        clock = (turn, what, counted, over)
        Thread(target=self._tick, args=clock, name="audit-lab-errand-clock", daemon=True).start()
        with self._home:
            if turn != self._turn:
                return
            self._at_work = get_ident()
        brought = _attempted(work, progress)
        over.set()
        with self._home:
            if turn == self._turn:
                # From here on it is at home, and not interrupted any more.
                self._at_work = None
                self._bring(what, done, brought)

    def _interrupt(self) -> None:
        """Raise an interrupt in the thread that is at work, if one is."""
        at_work, self._at_work = self._at_work, None
        if at_work is not None and at_work != get_ident():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(at_work), ctypes.py_object(OvertakenError))

    def _tick(self, turn: int, what: str, counted: dict[str, int], over: Event) -> None:
        """Say every second how long it takes by now."""
        began = monotonic()
        while not over.wait(_TICK_SECONDS):
            with self._home:
                if turn != self._turn or over.is_set():
                    return
                self._say(_by_now(what, monotonic() - began, counted), is_running=True)

    def _bring(self, what: str, done: Callable[[_Found], object], brought: Callable[[], _Found]) -> None:
        """Hand on what there is, or say why there is nothing."""
        try:
            done(brought())
        except AuditLabError as error:
            self._fail(what, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the view must say so rather than wait for ever
            self._fail(what, f"{type(error).__name__}: {error}")
        else:
            self._say("", is_running=False)

    def _fail(self, what: str, problem: str) -> None:
        self._say(f"{what}: {cut(problem)}", is_running=False)
        if self._failed is not None:
            self._failed(cut(problem))

    def _say(self, said: str, *, is_running: bool) -> None:
        self._said.value = f'<span role="status">{escape(said)}</span>' if said else ""
        self.stop.layout.display = None if is_running else _HIDDEN
        self.layout.display = _SEEN if said else _HIDDEN


def _attempted(
    work: Callable[[Callable[[str, int], None]], _Found], progress: Callable[[str, int], None]
) -> Callable[[], _Found]:
    """Do the work; return what gives its result, or raises what it raised."""
    try:
        found = work(progress)
    except Exception as error:  # noqa: BLE001 - raised again where it can be told
        raised = error

        def failed() -> _Found:
            raise raised

        return failed
    return lambda: found


def _by_now(what: str, seconds: float, counted: dict[str, int]) -> str:
    done = "".join(f", {count:,} {word}" for word, count in list(counted.items()) if count)
    return f"{what}: {seconds:.0f} s{done}"
