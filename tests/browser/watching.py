"""What a page must not do while it is watched, and the few things that are not ours to mend, each with why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Page, WebSocket

__all__ = ["EXCUSES", "Watch"]

#: What JupyterLab, Notebook 7 or Chromium say by themselves, by words that all stand in the complaint, and why it is
#: let pass. Whatever is not on this list is a complaint, whosever code it comes from.
EXCUSES: dict[tuple[str, ...], str] = {
    (
        "console warning: Plugin ",
        "too long to activate",
    ): "JupyterLab names whatever plugin a busy machine is late with",
    ("console warning: Plugin ", "ms to activate"): "the same, once it is there",
    ("failed: ", "net::ERR_ABORTED"): "the page was left, reloaded or its tab closed while it was being answered",
    ("socket failed: ", "/api/kernels/", "closed before the connection is established"): (
        "JupyterLab connects to a kernel for a notebook, and the next test closes the notebook meanwhile"
    ),
    ("console warning: WebSocket connection to ", "/api/kernels/", "closed before the connection is established"): (
        "Chromium's word on the same"
    ),
    ("console warning: History was unable to be retrieved",): (
        "JupyterLab asks each kernel for what was typed in it, and the next test closes the notebook meanwhile"
    ),
    ("console error: Could not restore the debugger state: Canceled future",): (
        "JupyterLab asks the kernel of each notebook for its debugger, and the next test closes the notebook meanwhile"
    ),
    ("console warning: Connection lost, reconnecting in ", "/static/lab/jlab_core"): (
        "JupyterLab's word on a kernel that ends, as it does in the tests of that"
    ),
    ("uncaught: Error: Canceled future for create_subshell_request message",): (
        "JupyterLab asks a kernel for a thread of its own for controls, and the kernel ends meanwhile"
    ),
    ("console error: Comm not found for comm id", "/static/lab/jlab_core"): (
        "a message of a widget comes in after its kernel has ended, as it does in the tests of that"
    ),
    ("console error: Comm not found for comm id", "/static/notebook/notebook_core"): (
        "JupyterLab asked the kernel something, was left for Notebook 7, and the answer comes to whoever is connected"
    ),
    ("console warning: Subshell identifier not available in the closeout sequence",): (
        "JupyterLab asks a kernel for a thread of its own for controls, and the next test closes the notebook meanwhile"
    ),
    ("uncaught: Error: Disposed", "_handleNewSession", "/static/lab/jlab_core"): (
        "JupyterLab starts a kernel for a notebook that a reload restored, and the next test closes it meanwhile"
    ),
    ("uncaught: TypeError", "reading 'schema'", "/static/notebook/notebook_core"): (
        "Notebook 7 asks for the settings of a plugin of JupyterLab that it does not have"
    ),
    ("console warning: Menu entry for command", "is duplicated", "/static/notebook/notebook_core"): (
        "Notebook 7 adds entries of its menus twice"
    ),
    ("uncaught: Error: Command 'filebrowser:open-path' not registered", "/static/notebook/notebook_core"): (
        "Notebook 7 asks, of itself, for a command of the file browser that only its tree has"
    ),
    ("status 403: ", "/static/notebook/", ".woff2"): (
        "Jupyter looks for static files of Lab and of Notebook 7 by their names alone: once the one has served a font, "
        "it refuses the other's of the same name"
    ),
    ("console error: Failed to load resource", "403", "/static/notebook/", ".woff2"): "Chromium's word on the same",
    ("status 403: ", "/static/lab/", ".woff2"): (
        "Jupyter looks for static files of Lab and of Notebook 7 by their names alone: once the one has served a font, "
        "it refuses the other's of the same name"
    ),
    ("console error: Failed to load resource", "403", "/static/lab/", ".woff2"): "Chromium's word on the same",
    ("console warning: [yjs#509] Not same Y.Doc", "/static/notebook/"): "Notebook 7 opens its document twice",
    ("uncaught: TypeError", "reading 'kernel'", "/@jupyter-widgets/jupyterlab-manager/"): (
        "Jupyter's widgets ask for the kernel of a notebook that was just opened, and the next test closes it meanwhile"
    ),
}


@dataclass
class Watch:
    """Takes down every error and warning, every request that fails, every socket, and every other host."""

    host: str
    complaints: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        """Watch a page from now on: call it before the page goes anywhere."""
        page.on("pageerror", lambda error: self._complain(f"uncaught: {error.stack or error}"))
        page.on("crash", lambda _: self._complain("the page crashed"))
        page.on("console", lambda message: self._console(message.type, message.text, message.location.get("url", "")))
        page.on("requestfailed", lambda request: self._complain(f"failed: {request.url} {request.failure}"))
        page.on("response", lambda response: self._answered(response.url, response.status))
        page.on("request", lambda request: self._asked(request.url))
        page.on("websocket", self._socket)

    def excuse(self, *words: str) -> int:
        """Take out the complaints that all these words stand in; there must be one, and how many is returned."""
        expected = [each for each in self.complaints if all(word in each for word in words)]
        assert expected, f"nobody complained of {' and '.join(words)}: {self.complaints}"
        self.complaints[:] = [each for each in self.complaints if each not in expected]
        return len(expected)

    def _complain(self, complaint: str) -> None:
        if not any(all(word in complaint for word in words) for words in EXCUSES):
            self.complaints.append(complaint)

    def _console(self, kind: str, text: str, url: str) -> None:
        if kind in {"error", "warning", "assert"}:
            self._complain(f"console {kind}: {text} ({url})")

    def _answered(self, url: str, status: int) -> None:
        if status >= 400:
            self._complain(f"status {status}: {url}")

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != self.host:
            self._complain(f"another host: {url}")

    def _socket(self, socket: WebSocket) -> None:
        self._asked(socket.url)
        socket.on("socketerror", lambda error: self._complain(f"socket failed: {socket.url} {error}"))
