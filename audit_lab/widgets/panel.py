"""What all views have in common: a box of widgets, a static rendering beside it, the code behind it, an exhibit."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import ipywidgets
from comm import get_comm_manager

from audit_lab.widgets.page import page

if TYPE_CHECKING:
    from audit_lab.case.casefile import CaseFile
    from audit_lab.case.exhibit import Exhibit

__all__ = ["VIEW", "Panel"]

#: The type of an output that is one of these: in JupyterLab its renderer shows the static rendering without a kernel.
VIEW = "application/vnd.audit-lab.view+json"
#: Where the front end asks what a view shows by now.
_TARGET = "audit_lab.view"
_LONGEST_TITLE = 120

#: The views that were shown in this session, by the ids of their widgets.
_shown: WeakValueDictionary[str, Panel] = WeakValueDictionary()


class Panel(ipywidgets.VBox):
    """A box of widgets that also says in static HTML, in text and in Python what it shows, and can be kept."""

    @property
    @abstractmethod
    def subject(self) -> Any:
        """What is shown, as the library answered it."""

    @property
    def beside(self) -> Any:
        """What is shown beside it; None for nothing."""
        return None

    @abstractmethod
    def parts(self) -> list[str]:
        """Return the static rendering's parts, as HTML."""

    @abstractmethod
    def text(self) -> str:
        """Return what is shown in a few lines of text."""

    @abstractmethod
    def code(self) -> str:
        """Return the Python that makes what is shown, given the opened log as `log`."""

    def title(self) -> str:
        """Return what is shown in one line: the beginning of its text."""
        said = next((line.strip() for line in self.text().splitlines() if line.strip()), type(self).__name__)
        return said if len(said) <= _LONGEST_TITLE else f"{said[: _LONGEST_TITLE - 1]}\N{HORIZONTAL ELLIPSIS}"

    def keep(self, case: CaseFile | None = None, title: str | None = None, *, note: str | None = None) -> Exhibit:
        """Keep what is shown, as it is shown, as an exhibit of a case.

        The exhibit has the files of what the log answered, the page as it was seen, the code that shows it again and
        the question that the code asks; another choice in the same view is another exhibit.

        Parameters
        ----------
        case
            The case; default: the one that is open in this session.
        title
            One line that says what is seen; default: the beginning of the view's text.
        note
            What a reader must know beside it.

        Raises
        ------
        MisuseError
            No case is open, or several are and none is named; or the case is closed.
        """
        from audit_lab.case.open_case import open_case
        from audit_lab.widgets.asking import question_in

        code = self.code()
        kept_in = open_case() if case is None else case
        return kept_in.keep(self, title or self.title(), note, question_in(code), code=code)

    def static_html(self) -> str:
        """Return what is shown as HTML that needs neither a kernel nor a network; texts of the log are escaped."""
        return page(self.parts())

    def _code_drawer(self) -> tuple[Any, Any]:
        """Return a closed drawer with the code, and the widget in it whose value is to be kept up to date."""
        code = ipywidgets.Textarea(
            value=self.code(), disabled=True, layout=ipywidgets.Layout(width="98%", height="150px")
        )
        return ipywidgets.Accordion(children=[code], titles=("Python that shows this",), selected_index=None), code

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Return the live widget with the static renderings that are shown where there is no kernel."""
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        if not _shown:
            get_comm_manager().register_target(_TARGET, _tell)
        _shown[self.model_id] = self
        return {**bundle, VIEW: {"version": 1}, "text/plain": self.text(), "text/html": self.static_html()}


def _tell(comm: Any, message: dict[str, Any]) -> None:
    """Answer the front end, which asks what a view shows by now, and end the conversation."""
    asked = message["content"]["data"]
    view = _shown.get(str(asked.get("model_id"))) if isinstance(asked, dict) else None
    if view is not None:
        comm.send({"html": view.static_html(), "text": view.text()})
    comm.close()
