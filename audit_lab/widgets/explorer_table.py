"""The table of the explorer: state that the front end shares, and its questions, answered by a thread of its own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from importlib.resources import files
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from audit_lab.errors import AuditLabError
from audit_lab.log.search.query import instant
from audit_lab.widgets.explorer_messages import MOST_COLUMNS, arrow_of, asked, bars_of
from audit_lab.widgets.explorer_timeline import MOST_COUNTED, told_timeline
from audit_lab.widgets.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.face.browse import Browse
    from audit_lab.widgets.explorer_messages import Ask

__all__ = ["FRONT_END", "ExplorerTable", "OvertakenError"]

#: What extensions/widgets is built to; a checkout has it after `make lab`, an installed package always.
FRONT_END = files("audit_lab.widgets") / "static" / "explorer.js"

#: So many rows are in sight at first; they are told without being asked for.
_IN_SIGHT = 18

#: How urgent an answer is: the rows in sight before what is drawn around them, what may be asked for next at the end.
_ROWS, _BARS, _INPUTS, _TIMELINE, _AHEAD = range(5)
_URGENCY = {"page": _ROWS, "histogram": _BARS, "timeline": _TIMELINE}
#: Of logs of up to so many rows it is looked in advance how inputs stand beside predictions (about a second a million).
_MOST_LOOKED_AT = 20_000_000

_WANTED = ("expression", "since", "until", "sort", "descending")
_FIRST = ("prediction_id", "occurred_at", "model_version", "outputs.score", "outputs.label", "decision")


class OvertakenError(Exception):
    """Another order or filter was asked for meanwhile."""


class ExplorerTable(anywidget.AnyWidget):
    """A table of which only the rows in sight cross to the browser.

    Parameters
    ----------
    browse
        What is shown at first.
    columns
        Which columns, at most 40; the prediction's identity, score and decision, then its inputs, when omitted.
    """

    _esm = FRONT_END if FRONT_END.is_file() else "export default { render() {} }"

    #: The expression, the range of time (ISO 8601, empty for none), order, and the columns shown.
    expression = traitlets.Unicode("").tag(sync=True)
    since = traitlets.Unicode("").tag(sync=True)
    until = traitlets.Unicode("").tag(sync=True)
    sort = traitlets.Unicode("").tag(sync=True)
    descending = traitlets.Bool(default_value=True).tag(sync=True)
    shown = traitlets.List(traitlets.Unicode()).tag(sync=True)
    #: Everything that can be shown: name and kind (number, time, text, other).
    columns = traitlets.List(traitlets.Dict()).tag(sync=True)
    #: How many rows there are, -1 while that is counted; a number for each state of order and filter; what is wrong.
    rows = traitlets.Int(-1).tag(sync=True)
    state = traitlets.Int(0).tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)
    #: The first rows in sight, without inputs, so that the table need not ask for them.
    opening = traitlets.Bytes(b"").tag(sync=True)
    #: The place of the row that was opened last.
    opened = traitlets.Unicode("").tag(sync=True)

    def __init__(self, browse: Browse, columns: Sequence[str] | None = None) -> None:
        self.browse = browse
        self._start = browse
        question = browse.question
        known = [{"name": name, "kind": _kind(dtype)} for name, dtype in browse.columns.items()]
        self._turns = Turns("audit-lab-explorer")
        self._shown_first = Event()
        self._shown_first.set()
        self._looked_ahead = False
        self._timeline: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        rows, opening = _beginning(browse, list(columns or _first(browse)))
        super().__init__(
            expression=question.expression if isinstance(question.expression, str) else "",
            since="" if question.since is None else question.since.isoformat(),
            until="" if question.until is None else question.until.isoformat(),
            sort=browse.sort or "",
            descending=browse.descending,
            shown=list(columns or _first(browse)),
            columns=known,
            rows=rows,
            opening=opening,
        )
        self._taken = self._wanted
        self.on_msg(self._asked)
        self.observe(self._changed, names=list(_WANTED))
        self._turns.submit(_ROWS, self._count, self.state)

    def close(self) -> None:
        """End the thread that answers, and the widget."""
        self._turns.close()
        super().close()

    def wait(self, seconds: float) -> bool:
        """Wait until the first rows of the present order and filter were told; return whether they were in time."""
        return self._shown_first.wait(seconds)

    def answer(
        self, ask: Ask, browse: Browse | None = None, *, inputs: bool | None = None
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Answer a question of the front end: a message, and rows as Arrow where it asked for a page.

        Parameters
        ----------
        ask
            What is asked.
        browse
            The table that is asked; that of the present order and filter when omitted.
        inputs
            Whether a page holds the inputs alone, or all other columns; every one that is shown when omitted.

        Raises
        ------
        AuditLabError
            The log cannot answer it.
        """
        browse = browse or self.browse.watched(self._watch(ask["state"]))
        told: dict[str, Any] = {"id": ask["id"], "kind": ask["kind"], "state": ask["state"]}
        if ask["kind"] == "page":
            names = _parted(browse, self.shown, inputs=inputs)
            page = browse.page(ask["first"], ask["count"], names)
            return {**told, "first": ask["first"]}, [arrow_of(page)]
        if ask["kind"] == "histogram":
            counted = browse.histogram(ask["column"])
            return {
                **told,
                "column": ask["column"],
                "bars": bars_of(counted, ask["column"], browse.columns[ask["column"]]),
            }, []
        timeline = told_timeline(browse)
        self._timeline = (_filter_of(browse), timeline)
        return {**told, **timeline}, []

    def timeline(self) -> dict[str, Any] | None:
        """Return the timeline of the present filter, as `told_timeline` does; None where counting it takes long.

        Raises
        ------
        AuditLabError
            The log cannot answer it.
        """
        browse = self.browse
        if self._timeline is None or self._timeline[0] != _filter_of(browse):
            if browse.store.source.tables().get("predictions", 0) > MOST_COUNTED:
                return None
            self._timeline = (_filter_of(browse), told_timeline(browse))
        return self._timeline[1]

    def _asked(self, _: Any, content: Any, __: Any) -> None:
        try:
            ask = asked(content)
        except AuditLabError as error:
            self.problem = str(error)
            return
        if ask["kind"] == "open":
            self.opened = ask["column"]
            return
        self._turns.submit(_URGENCY[ask["kind"]], self._answered, ask)

    def _answered(self, ask: Ask, browse: Browse | None = None) -> None:
        """Answer; of a page, inputs come apart, after what else is asked meanwhile: they take longest to be found."""
        if ask["state"] != self.state:
            return
        inputs = browse is not None
        browse = browse or self.browse.watched(self._watch(ask["state"], ask["column"]))
        try:
            told, buffers = self.answer(ask, browse, inputs=inputs)
            if ask["kind"] == "page" and not inputs and _parted(browse, self.shown, inputs=True):
                self._turns.submit(_INPUTS, self._answered, ask, browse)
            elif ask["kind"] == "histogram":
                self._turns.submit(_AHEAD, self._order_ahead, ask)
            elif ask["kind"] == "timeline":
                self._look_ahead()
        except OvertakenError:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the table must say so rather than wait for ever
            told, buffers = {"id": ask["id"], "kind": "problem", "state": ask["state"], "problem": _said(error)}, []
        self.send(told, buffers)
        if ask["kind"] == "page" and ask["state"] == self.state:
            self._shown_first.set()

    @property
    def _wanted(self) -> tuple[Any, ...]:
        """The filter, the range of time and the order that are asked for."""
        return tuple(getattr(self, name) for name in _WANTED)

    def _changed(self, _: Any) -> None:
        """Take over another filter or order; what was asked for the one before is dropped."""
        if self._wanted == self._taken:  # several changed at once, and were taken over together
            return
        self._taken = self._wanted
        problem = ""
        try:
            question = replace(
                self._start.question,
                expression=self.expression.strip() or self._given,
                since=instant(self.since or None, "since"),
                until=instant(self.until or None, "until"),
            )
            narrowed = replace(self.browse.where(question.expression), question=question)
            self.browse = narrowed.sorted_by(self.sort or None, descending=self.descending)
        except AuditLabError as error:
            problem = str(error)
        with self.hold_sync():
            self.state += 1
            self.rows = -1
            self.problem = problem
        self._shown_first.clear()
        self._turns.submit(_ROWS, self._count, self.state)
        self._turns.submit(_ROWS, self._answered, _first_page(self.state))

    @property
    def _given(self) -> Any:
        """The polars expression that the table was made with: it cannot be written in the table's field."""
        given = self._start.question.expression
        return None if isinstance(given, str) else given

    def _count(self, state: int) -> None:
        if state != self.state:
            return
        try:
            self.rows = self.browse.watched(self._watch(state)).rows
        except OvertakenError:
            return
        except Exception as error:  # noqa: BLE001 - as in `_answered`
            self.problem, self.rows = _said(error), 0

    def _order_ahead(self, ask: Ask) -> None:
        """Make an order by the column ready whose bars are shown: it is likely the next that is asked for."""
        if ask["state"] != self.state:
            return
        with suppress(Exception):  # whoever asks for the order is told
            self.browse.watched(self._watch(ask["state"], ask["column"])).sorted_by(ask["column"]).make_ready()

    def _look_ahead(self) -> None:
        """Look, beside everything else, how inputs stand beside predictions: orders and filters by them need it."""
        if self._looked_ahead or not 0 <= self.rows <= _MOST_LOOKED_AT:
            return
        self._looked_ahead = True
        Thread(target=_warmed, args=(self._start,), name="audit-lab-explorer-ahead", daemon=True).start()

    def _watch(self, state: int, column: str = "") -> Any:
        """Return a progress that tells the front end how far reading is, and ends what nobody waits for any more.

        A column that is being read to be counted goes on being read where it is the order that is asked for meanwhile.
        """
        done = 0

        def progress(_: str, rows: int) -> None:
            nonlocal done
            if state != self.state and (not rows or not column or column != self.sort):
                raise OvertakenError
            done += rows
            if rows:
                self.send({"id": 0, "kind": "progress", "state": self.state, "done": done})

        return progress


def _warmed(browse: Browse) -> None:
    with suppress(Exception):  # whoever asks about inputs is told
        browse.warm()


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, AuditLabError) else f"{type(error).__name__}: {str(error)[:300]}"


def _first_page(state: int) -> Ask:
    return {"id": 0, "kind": "page", "state": state, "first": 0, "count": _IN_SIGHT, "column": ""}


def _beginning(browse: Browse, shown: Sequence[str]) -> tuple[int, bytes]:
    """Return how many rows there are, and the first in sight as Arrow, where that takes a moment; else -1 and none."""
    if not _is_whole(browse):
        return -1, b""
    try:
        return browse.rows, arrow_of(browse.page(0, _IN_SIGHT, _parted(browse, shown, inputs=False)))
    except AuditLabError:
        return -1, b""


def _is_whole(browse: Browse) -> bool:
    """Whether the newest rows of the whole log are shown, which few files tell."""
    asked = browse.question
    narrowed = (asked.expression, asked.since, asked.until, asked.model)
    return all(each is None for each in narrowed) and browse.sort in {None, "occurred_at"}


def _parted(browse: Browse, shown: Sequence[str], *, inputs: bool | None) -> list[str]:
    """Return the columns shown that there are: the inputs among them, all others, or every one."""
    names = [name for name in shown if name in browse.columns][:MOST_COLUMNS]
    return [name for name in names if inputs is None or name.startswith("inputs.") == inputs]


def _first(browse: Browse) -> list[str]:
    names = list(browse.columns)
    first = [name for name in _FIRST if name in names]
    return [*first, *(name for name in names if name.startswith("inputs."))][:MOST_COLUMNS]


def _filter_of(browse: Browse) -> tuple[Any, ...]:
    """Return the filter and the range of time of a table; a polars expression is that which it was made with."""
    asked = browse.question
    return (asked.expression if isinstance(asked.expression, str) else None, asked.since, asked.until)


def _kind(dtype: Any) -> str:
    if dtype.is_numeric():
        return "number"
    if dtype.is_temporal():
        return "time"
    return "other" if dtype.is_nested() else "text"
