"""The Jupyter server's side of the Audit Lab panel, under ``/audit-lab/api/``.

`folders` keeps every path inside the server's root folder. `logs` opens logs there and keeps them open, `badges` holds
how their last verification ended, `cases` reads cases, and `jobs` does what takes long: what is asked for is read by
`asked_work` and done by `work`, in a process of its own; `investigations` writes notebooks to begin with. `messages`
names what goes over the wire (its TypeScript half is ``messages.ts`` and its neighbours in the extension, and
``openapi.json`` says the same for everybody), and `handlers` puts it behind the server's authentication and
authorization; `served` holds all of it for one server. `extension` hooks the handlers in; the three functions here are
the names by which Jupyter finds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__all__: list[str] = []


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "../labextension", "dest": "audit-lab-labextension"}]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "audit_lab.lab"}]


def _load_jupyter_server_extension(server_app: ServerApp) -> None:
    from audit_lab.lab.extension import load

    load(server_app)
