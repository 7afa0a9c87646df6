"""The decisions that something in a view leads to: asked for beside all else, and listed when they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import ipywidgets

from audit_lab.widgets.decisions import DecisionsView
from audit_lab.widgets.errand import Errand
from audit_lab.widgets.page import note, page, paragraph, section

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.face.decisions import Decisions

__all__ = ["MOST_DECISIONS", "ChosenDecisions", "Led"]

#: So many decisions of the chosen windows are reconstructed and listed, those that matter most.
MOST_DECISIONS = 25


class Led(Protocol):
    """Decisions that something leads to, asked of the log when they are read, and a sentence that says which."""

    @property
    def sentence(self) -> str:
        """Which they are, and of how many."""
        ...

    @property
    def decisions(self) -> Decisions:
        """The decisions."""
        ...


class ChosenDecisions(ipywidgets.VBox):
    """Says that decisions are being asked for, with a button that cancels it, and then lists them.

    Parameters
    ----------
    told
        Called when other decisions are listed, or another one of them is chosen.
    most
        So many of them can be shown whole.
    """

    def __init__(self, told: Callable[[], object], most: int = MOST_DECISIONS) -> None:
        self._told, self._most = told, most
        self.errand = Errand()
        self._listed = ipywidgets.VBox([])
        self._view: DecisionsView | None = None
        self._title, self._said, self._problem = "", "", ""
        super().__init__([self.errand, self._listed])

    @property
    def is_asked(self) -> bool:
        """Whether decisions were asked for, be they there yet or not."""
        return bool(self._title)

    @property
    def decisions(self) -> Decisions | None:
        """The decisions, waited for where they are being asked for; None where they were not, or are not to be had."""
        self.errand.wait()
        return None if self._view is None else self._view.subject

    @property
    def chosen(self) -> int | None:
        """The number of the decision that is shown whole, None for none."""
        return None if self._view is None else self._view.decision.value

    @property
    def is_stored(self) -> bool:
        """Whether the stored rows of the decision that is shown whole are shown, too."""
        return self._view is not None and bool(self._view.stored.value)

    def show_stored(self, *, is_shown: bool) -> None:
        """Show the stored rows of the decision that is shown whole, or hide them."""
        self.errand.wait()
        if self._view is not None:
            self._view.choose(stored=is_shown)

    def choose(self, number: int | None) -> None:
        """Show one of the decisions whole, once they are there.

        Raises
        ------
        MisuseError
            It is not among those that are listed.
        """
        self.errand.wait()
        if self._view is not None:
            self._view.choose(decision=number)

    def ask(self, title: str, question: Callable[[], Led]) -> None:
        """Ask for decisions in the place of those that are listed.

        Parameters
        ----------
        title
            Of what they are, in words.
        question
            Asks the log.
        """
        self.forget()
        self._title = title
        self.errand.start(
            f"{title} are asked for", lambda _: _asked(question), lambda found: self._list(*found), self._fail
        )

    def forget(self) -> None:
        """List none, and say of none that it was asked for."""
        self.errand.cancel()
        self._view, self._title, self._said, self._problem = None, "", "", ""
        self._listed.children = ()

    def parts(self) -> list[str]:
        """Return as HTML what there is: the decisions, that they are asked for, or why there are none."""
        if not self._title:
            return []
        if self._view is not None:
            return [*self._heading(), *self._view.parts()]
        said = note(self._problem, bad=True) if self._problem else paragraph("They are being asked for.")
        return [section(self._title, said)]

    def _list(self, chosen: Led, decisions: Decisions) -> None:
        self._view, self._said = DecisionsView(decisions, self._most), chosen.sentence
        for control in (self._view.decision, self._view.stored):
            control.observe(self._another, names="value")
        self._listed.children = [ipywidgets.HTML(page(self._heading())), self._view]
        self._told()

    def _fail(self, problem: str) -> None:
        self._problem = problem

    def _another(self, _: Any) -> None:
        self._told()

    def _heading(self) -> list[str]:
        return [section(self._title, paragraph(self._said))]


def _asked(question: Callable[[], Led]) -> tuple[Led, Decisions]:
    chosen = question()
    return chosen, chosen.decisions
