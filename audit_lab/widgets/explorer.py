"""The log explorer: a table over any number of predictions, with filter, order, histograms and timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
from traitlets import TraitError

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.widgets.asking import asking_again, narrowed
from audit_lab.widgets.explorer_messages import MOST_COLUMNS, arrow_of
from audit_lab.widgets.explorer_table import FRONT_END, ExplorerTable
from audit_lab.widgets.explorer_timeline import drawn_timeline
from audit_lab.widgets.page import listed, note, page, paragraph, section, table
from audit_lab.widgets.panel import Panel
from audit_lab.widgets.source import stored_parts, stored_toggle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from audit_lab.face.browse import Browse

__all__ = ["ExplorerView"]

_STATIC_ROWS = 20
#: What `log.browse` is told, in the words of the table.
_TOLD = ("expression", "since", "until", "sort", "descending")
_PATIENCE_SECONDS = 0.25
_LEFT_OUT = "Inputs are left out here: to find them, every id of this log had to be read first. Show it again for them."
_NOT_BUILT = (
    "The interactive table is not built in this checkout: `make lab` builds it; an installed package has it. "
    "These are the first rows."
)


class ExplorerView(Panel):
    """A table of which only the rows in sight are read, and the decision of the row that is opened.

    Parameters
    ----------
    browse
        What ``log.browse(...)`` returned.
    columns
        Which columns are shown at first.
    """

    #: Filter, range of time and order as in `log.browse`; the columns, the place of the opened row, its stored bytes.
    controls = (*_TOLD, "shown", "opened", "stored")

    def __init__(self, browse: Browse, columns: Sequence[str] | None = None) -> None:
        self.table = ExplorerTable(browse, columns)
        self._detail = ipywidgets.HTML()
        self.stored = stored_toggle()
        self.stored.layout.display = "none"
        drawer, self._code = self._code_drawer()
        shown = self.table if FRONT_END.is_file() else ipywidgets.HTML(page([note(_NOT_BUILT), *self._rows()]))
        super().__init__([shown, self._detail, self.stored, drawer])
        self.table.observe(self._open, names="opened")
        self.stored.observe(self._open, names="value")
        self.stored.observe(self._refresh, names="value")
        self.table.observe(self._refresh, names=["state", "shown", "opened"])

    def select(self, expression: str = "", *, since: str = "", until: str = "") -> None:
        """Show other rows: what a brush in another view calls.

        It waits a moment for the first of them, so that they are there before slower work of that view begins.

        Parameters
        ----------
        expression, since, until
            As in `log.browse`; empty for none.
        """
        with self.table.hold_sync(), self.table.hold_trait_notifications():
            self.table.expression, self.table.since, self.table.until = expression, since, until
        self.table.wait(_PATIENCE_SECONDS)

    def choose(self, **choices: Any) -> Self:
        """Choose in this view as a person does in its controls, all at once, and return it; see `Panel.choose`.

        Raises
        ------
        MisuseError
            The view has no such control, there is no such column or row, or the expression cannot be read.
        LogError
            The log cannot be read.
        """
        with self.table.hold_sync(), self.table.hold_trait_notifications():
            super().choose(**choices)
        if self.table.problem:
            raise MisuseError(self.table.problem, "Choose what the log has.")
        if any(name in choices for name in _TOLD):
            self.table.browse.page(0, 0)  # what is wrong with it is told here, and not in the place of its rows
        return self

    @property
    def subject(self) -> Browse:
        """The predictions, in the order and by the filter of this moment."""
        return self.table.browse

    def parts(self) -> list[str]:
        """Return what is shown in a sentence, the first rows, and the opened decision."""
        return [*self._rows(), *self._opened()]

    def text(self) -> str:
        """Return how many rows there are, in which order."""
        return "\n".join(self.table.browse.summary())

    def code(self) -> str:
        """Return the Python that shows the same rows in the same order and columns, and the opened decision."""
        shown = self.table
        asked = shown.browse.question.to_dict()
        arguments = [*narrowed(asked), f"sort={shown.sort or None!r}", f"descending={shown.descending}"]
        chosen = {name: value for name, value in self.choices().items() if name not in _TOLD}
        said = ", ".join(f"{name}={value!r}" for name, value in chosen.items())
        return asking_again(
            "browse", "log.browse", arguments, asked, f"al.view(browse).choose({said})" if said else "al.view(browse)"
        )

    def _choose(self, name: str, value: Any) -> None:
        """Set one control."""
        if name == "stored":
            super()._choose(name, value)
            return
        shown = self.table
        if name == "shown":
            unknown = [each for each in value if each not in shown.browse.columns]
            if unknown or not value or len(value) > MOST_COLUMNS:
                message = f"{', '.join(map(repr, unknown)) or f'{len(value)} columns'} cannot be shown"
                raise MisuseError(message, f"Choose 1 to {MOST_COLUMNS} of {', '.join(shown.browse.columns)}.")
        if name == "opened" and value:
            shown.browse.decision(value)
        try:
            setattr(shown, name, value)
        except TraitError as error:
            message = f"{value!r} is nothing that {name} can be in an {type(self).__name__}"
            raise MisuseError(message, "Choose what the control offers.") from error

    def _chosen_in(self, name: str) -> Any:
        """Return what one control says."""
        return super()._chosen_in(name) if name == "stored" else getattr(self.table, name)

    def _rows(self) -> list[str]:
        browse = self.table.browse
        names = [name for name in self.table.shown if name in browse.columns]
        try:
            left_out = [] if browse.finds_inputs else [name for name in names if name.startswith("inputs.")]
            names = [name for name in names if name not in left_out]
            said, rows = browse.summary(), browse.page(0, _STATIC_ROWS, names)
            timeline = self.table.timeline()
        except AuditLabError as error:
            return [note(str(error), bad=True)]
        import polars as pl

        crossed = pl.read_ipc_stream(arrow_of(rows))
        more = browse.rows - rows.height
        return [
            section("Predictions", listed(said)),
            drawn_timeline(timeline) if timeline else "",
            table(crossed.drop("place").to_dicts(), {name: name for name in names}),
            paragraph(f"{more:,} more rows follow." if more > 0 else ""),
            paragraph(_LEFT_OUT if left_out else ""),
        ]

    def _opened(self) -> list[str]:
        if not self.table.opened:
            return []
        from audit_lab.widgets.decision import DecisionView

        try:
            decision = self.table.browse.decision(self.table.opened)
            return [*DecisionView(decision).parts(), *(stored_parts(decision) if self.stored.value else [])]
        except AuditLabError as error:
            return [note(str(error), bad=True)]

    def _open(self, _: Any) -> None:
        self.stored.layout.display = None if self.table.opened else "none"
        self._detail.value = page(self._opened())

    def _refresh(self, _: Any) -> None:
        self._code.value = self.code()
