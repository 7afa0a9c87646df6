"""Linked views: what is chosen in one selects the same period in explorers of the same log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.widgets.panel import Panel

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self

    from audit_lab.widgets.explorer import ExplorerView

__all__ = ["LinkedPanel"]


class LinkedPanel(Panel):
    """A view in which windows are chosen, and which can lead explorers to them."""

    _explorers: tuple[ExplorerView, ...] = ()

    def link(self, *explorers: ExplorerView) -> Self:
        """Let what is chosen here select the same period in explorers, which keep their filter and order.

        Parameters
        ----------
        explorers
            What ``al.view(log)`` or ``al.view(log.browse(...))`` returned, of the log that this view is of.

        Raises
        ------
        MisuseError
            Something given is no explorer.
        """
        for each in explorers:
            if not hasattr(each, "select"):
                message = f"A {type(each).__name__} has no rows to select"
                raise MisuseError(message, "Link a view of a log: al.view(log).")
        self._explorers = (*self._explorers, *(each for each in explorers if each not in self._explorers))
        return self

    def _lead(self, since: datetime, until: datetime) -> None:
        """Select a period in the linked explorers."""
        for each in self._explorers:
            each.select(each.table.expression, since=since.isoformat(), until=until.isoformat())
