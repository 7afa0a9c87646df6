"""Views with windows: what is chosen in one selects the same period in explorers, and asks for its decisions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.widgets.listing import ListingPanel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from audit_lab.widgets.explorer import ExplorerView

__all__ = ["LinkedPanel"]


class LinkedPanel(ListingPanel):
    """A view in which windows are chosen, whose decisions it lists, and to which it can lead explorers.

    Its controls ``windows``, ``decision`` and ``stored`` are the starts of the first and the last window whose
    decisions are asked for, as ISO 8601, the number of the decision that is shown whole, and whether its stored rows
    are shown, too.
    """

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

    def _choose(self, name: str, value: Any) -> None:
        if name == "windows":
            first, last = value
            self._choose_windows(_place(first, self._window_starts()), _place(last, self._window_starts()))
        else:
            super()._choose(name, value)

    def _chosen_in(self, name: str) -> Any:
        if name == "windows":
            starts = self._window_starts()
            return (
                tuple(starts[place].isoformat() for place in self._chosen_places()) if self.listing.is_asked else None
            )
        return super()._chosen_in(name)

    def _window_starts(self) -> Sequence[datetime]:
        """Return where the windows start that can be chosen."""
        raise NotImplementedError

    def _chosen_places(self) -> tuple[int, int]:
        """Return which of them are chosen: the first and the last."""
        raise NotImplementedError

    def _choose_windows(self, first: int, last: int) -> None:
        """Choose windows, and ask for their decisions."""
        raise NotImplementedError


def _place(start: str, starts: Sequence[datetime]) -> int:
    try:
        moment = datetime.fromisoformat(start)
        return list(starts).index(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, TypeError) as error:
        message = f"No window of this view starts at {start!r}"
        raise MisuseError(message, "Give the start of one, like 2015-03-09T00:00:00+00:00.") from error
