"""What all views have in common: a box of widgets, a static rendering beside it, and the code behind it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import ipywidgets

from audit_lab.widgets.page import page

__all__ = ["Panel"]


class Panel(ipywidgets.VBox):
    """A box of widgets that also says in static HTML, in text and in Python what it shows."""

    @abstractmethod
    def parts(self) -> list[str]:
        """Return the static rendering's parts, as HTML."""

    @abstractmethod
    def text(self) -> str:
        """Return what is shown in a few lines of text."""

    @abstractmethod
    def code(self) -> str:
        """Return the Python that makes what is shown, given the opened log as `log`."""

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
        return {**bundle, "text/plain": self.text(), "text/html": self.static_html()}
