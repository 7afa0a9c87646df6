"""What all views have in common: a box of widgets, a static rendering beside it, the code behind it, an exhibit."""

from __future__ import annotations

from abc import abstractmethod
from contextvars import copy_context
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakValueDictionary

import ipywidgets
from comm import get_comm_manager
from traitlets import TraitError

from audit_lab.errors import MisuseError
from audit_lab.face.progress import is_attended
from audit_lab.seal.hidden_letters import spelled_text
from audit_lab.widgets.page import cut, page

if TYPE_CHECKING:
    from typing import Self

    from audit_lab.case.casefile import CaseFile
    from audit_lab.case.exhibit import Exhibit

__all__ = ["VIEW", "Panel"]

#: The type of an output that is one of these: in JupyterLab its renderer shows the static rendering without a kernel.
VIEW = "application/vnd.audit-lab.view+json"
_LIVE = "application/vnd.jupyter.widget-view+json"
#: Where the front end asks what a view shows by now.
_TARGET = "audit_lab.view"
_LONGEST_TITLE = 120
#: So many characters of the code, and of the text, are sent to the browser.
_LONGEST_CODE = _LONGEST_TEXT = 50_000

#: The views that were shown in this session, by the ids of their widgets.
_shown: WeakValueDictionary[str, Panel] = WeakValueDictionary()


class Panel(ipywidgets.VBox):
    """A box of widgets that also says in static HTML, in text and in Python what it shows, and can be kept."""

    #: What can be chosen in the view: names of its controls, in the order in which they are set.
    controls: ClassVar[tuple[str, ...]] = ()

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

    def settle(self) -> None:
        """Wait for what was asked for in the view and is not there yet; most views ask for nothing."""

    @property
    def is_settled(self) -> bool:
        """Whether everything that was asked for is there."""
        return True

    def choose(self, **choices: Any) -> Self:
        """Choose in this view as a person does in its controls, and return it.

        Parameters
        ----------
        choices
            What is chosen, by the name of the control; `choices` returns them so.

        Raises
        ------
        MisuseError
            The view has no such control, or what is chosen is not offered.
        """
        for name in choices:
            if name not in self.controls:
                offered = ", ".join(self.controls) or "nothing"
                message = f"In a {type(self).__name__} there is no {name!r} to choose"
                raise MisuseError(message, f"What can be chosen in it: {offered}.")
        for name in self.controls:
            if name in choices:
                self._choose(name, choices[name])
        return self

    def choices(self) -> dict[str, Any]:
        """Return what is chosen by now and was not at the beginning, by the name of the control."""
        now = {name: self._chosen_in(name) for name in self.controls}
        return {name: value for name, value in now.items() if value != self._beginning.get(name)}

    def _choose(self, name: str, value: Any) -> None:
        """Set one control."""
        try:
            getattr(self, name).value = value
        except (TraitError, KeyError) as error:
            message = f"{value!r} is not offered as the {name} of this {type(self).__name__}"
            raise MisuseError(message, "Choose what the control offers.") from error

    def _chosen_in(self, name: str) -> Any:
        """Return what one control says."""
        return getattr(self, name).value

    def _showing(self, arguments: str) -> str:
        """Return the Python that shows `arguments` in this view, with what is chosen in it."""
        chosen = ", ".join(f"{name}={value!r}" for name, value in self.choices().items())
        return f"al.view({arguments}).choose({chosen})" if chosen else f"al.view({arguments})"

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

        self.settle()
        code = self.code()
        kept_in = open_case() if case is None else case
        return kept_in.keep(self, title or self.title(), note, question_in(code), code=code)

    def static_html(self) -> str:
        """Return what is shown as HTML that needs neither a kernel nor a network; texts of the log are escaped.

        What was asked for is waited for.
        """
        self.settle()
        return page(self.parts())

    def _code_drawer(self) -> tuple[Any, Any]:
        """Return a closed drawer with the code, and the widget in it whose value is to be kept up to date.

        What the controls say by then is how the view begins.
        """
        self._beginning: dict[str, Any] = {}
        self._beginning = {name: self._chosen_in(name) for name in self.controls}
        code = ipywidgets.Textarea(
            value=self._shown_code(), disabled=True, layout=ipywidgets.Layout(width="98%", height="150px")
        )
        return ipywidgets.Accordion(children=[code], titles=("Python that shows this",), selected_index=None), code

    def _shown_code(self) -> str:
        """Return the code as it is shown: a question may hold a text of millions of characters, and says so here."""
        code = self.code()
        return code if len(code) <= _LONGEST_CODE else f"{cut(code, _LONGEST_CODE)}\n# view.code() has all of it"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Return the live widget with the static renderings that are shown where there is no kernel.

        Where a notebook is run through, and nobody sits before it, the static renderings stand alone: what shows the
        notebook later, nbconvert for one, would take the widget, which without its kernel, or scripts, is nothing.
        """
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        if not is_attended():
            bundle.pop(_LIVE, None)
        if not _shown:
            get_comm_manager().register_target(_TARGET, _tell)
        _shown[self.model_id] = self
        return {
            **bundle,
            VIEW: {"version": 1},
            "text/plain": _plain(self),
            "text/html": self.static_html(),
        }


def _plain(view: Panel) -> str:
    """Return what a view says as plain text: a terminal may show it, so nothing in it is a control."""
    return spelled_text(cut(view.text(), _LONGEST_TEXT))


def _tell(comm: Any, message: dict[str, Any]) -> None:
    """Answer the front end, which asks what a view shows by now, and end the conversation."""
    asked = message["content"]["data"]
    view = _shown.get(str(asked.get("model_id"))) if isinstance(asked, dict) else None
    if view is None or view.is_settled:
        _answer(comm, view)
    else:
        # Whoever waits here keeps the kernel from hearing that what is waited for is cancelled.
        Thread(target=copy_context().run, args=(_answer, comm, view), name="audit-lab-shown", daemon=True).start()


def _answer(comm: Any, view: Panel | None) -> None:
    if view is not None:
        comm.send({"html": view.static_html(), "text": _plain(view)})
    comm.close()
