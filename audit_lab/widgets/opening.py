"""A button that opens the decisions whose ids a view lists: each can then be shown whole, with its stored bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.widgets.chosen_decisions import ChosenDecisions
from audit_lab.widgets.listing import ListingPanel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from audit_lab.face.decisions import Decisions
    from audit_lab.widgets.chosen_decisions import Led

__all__ = ["Opening", "OpeningPanel"]

#: So many decisions are opened at once: no view lists more ids.
_MOST = 200


@dataclass(frozen=True)
class _Named:
    """Decisions that are named by ids or places."""

    names: tuple[str, ...]
    ask: Callable[..., Decisions]

    @property
    def sentence(self) -> str:
        count = len(self.names)
        return "The decision that is named above." if count == 1 else f"The {count:,} decisions that are named above."

    @property
    def decisions(self) -> Decisions:
        """The decisions; of an id that stands in several places, those of each."""
        found = self.ask(list(self.names))
        if found.ambiguous.is_empty():
            return found
        places: dict[str, list[str]] = {}
        for asked, place in found.ambiguous.select("asked", "place").iter_rows():
            places.setdefault(asked, []).append(place)
        each = [place for name in self.names for place in places.get(name, [name])]
        return self.ask(list(dict.fromkeys(each))[:_MOST])


class Opening(ChosenDecisions):
    """A button that asks for what a view names by now, and lists it below.

    Parameters
    ----------
    told
        As for `ChosenDecisions`.
    """

    def __init__(self, told: Callable[[], object]) -> None:
        super().__init__(told, _MOST)
        self._offer: tuple[str, Callable[[], Led], Callable[[Decisions | None], list[str]]] | None = None
        self.button = ipywidgets.Button(
            description="Open decisions",
            tooltip="Reconstruct the decisions that are named here: each can be shown whole, with its stored bytes",
            disabled=True,
        )
        self.button.on_click(lambda _: self.reveal())
        self.children = (self.button, self.errand, self._listed)

    def name(self, title: str, names: Iterable[str | None], ask: Callable[..., Decisions] | None) -> None:
        """Offer the decisions that are named by ids or places; another offer before it is let go of.

        Parameters
        ----------
        title
            Of what they are, in words.
        names
            Their ids or places; what is None names none.
        ask
            ``log.decisions``; None where no log was asked, and nothing can be opened.
        """
        given = tuple(dict.fromkeys(each for each in names if each is not None))[:_MOST]
        if not given or ask is None:
            self.offer(title, None)
        else:
            self.offer(title, lambda: _Named(given, ask), lambda found: [_asking(given, found)])

    def offer(
        self,
        title: str,
        question: Callable[[], Led] | None,
        code: Callable[[Decisions | None], list[str]] = lambda _: [],
    ) -> None:
        """Offer the decisions that a question brings, None for none.

        Parameters
        ----------
        title
            Of what they are, in words.
        question
            Asks the log.
        code
            Returns lines of Python that ask the same, given the decisions once they are there.
        """
        self.forget()
        self._offer = None if question is None else (title, question, code)
        self.button.disabled = question is None

    def reveal(self) -> None:
        """Ask for the decisions that are offered, if any are."""
        if self._offer is not None:
            title, question, _ = self._offer
            self.ask(title, question)
            self._told()

    def code(self) -> list[str]:
        """Return lines of Python that ask for the same decisions, where they were asked for."""
        if self._offer is None or not self.is_asked:
            return []
        return self._offer[2](None if self._view is None else self._view.subject)


def _asking(given: tuple[str, ...], found: Decisions | None) -> str:
    """Return the Python that asks for decisions by name: once they are there, by the places of those that have many."""
    ids = None if found is None else found.asked.ids
    return f"decisions = log.decisions({list(given) if ids is None else ids.to_list()!r})"


class OpeningPanel(ListingPanel):
    """A view that names decisions, with a button that opens them.

    Its control ``opened`` is whether they were asked for; `decision` and `stored` are as in every view that lists them.
    """

    listing: Opening

    def _opening(self) -> Opening:
        """Return the button and what it lists, to be put below what names the decisions."""
        self.listing = Opening(self._listed)
        return self.listing

    def _listed(self) -> None:
        """Say in the code what is listed by now."""
        self._code.value = self._shown_code()

    def _choose(self, name: str, value: Any) -> None:
        if name != "opened":
            super()._choose(name, value)
        elif value:
            self.listing.reveal()
        else:
            self.listing.forget()

    def _chosen_in(self, name: str) -> Any:
        return self.listing.is_asked if name == "opened" else super()._chosen_in(name)
