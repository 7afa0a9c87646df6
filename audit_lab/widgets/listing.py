"""Views that lead to decisions, which they list below, each with its stored rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.widgets.panel import Panel

if TYPE_CHECKING:
    from audit_lab.face.decisions import Decisions
    from audit_lab.widgets.chosen_decisions import ChosenDecisions

__all__ = ["ListingPanel"]


class ListingPanel(Panel):
    """A view that lists the decisions that something in it leads to.

    Its controls ``decision`` and ``stored`` are the number of the decision that is shown whole, and whether its stored
    rows are shown, too.
    """

    #: Set before the view is drawn.
    listing: ChosenDecisions

    @property
    def decisions(self) -> Decisions | None:
        """The decisions that are listed, waited for; None until they were asked for."""
        return self.listing.decisions

    def settle(self) -> None:
        """Wait for the decisions that are being asked for."""
        self.listing.errand.wait()

    @property
    def is_settled(self) -> bool:
        """Whether no decisions are being asked for."""
        return not self.listing.errand.is_running

    def _choose(self, name: str, value: Any) -> None:
        if name == "decision":
            self.listing.choose(value)
        elif name == "stored":
            self.listing.show_stored(is_shown=value)
        else:
            super()._choose(name, value)

    def _chosen_in(self, name: str) -> Any:
        if name == "decision":
            return self.listing.chosen
        return self.listing.is_stored if name == "stored" else super()._chosen_in(name)
