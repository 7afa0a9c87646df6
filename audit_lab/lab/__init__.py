"""The Jupyter server's side of the Audit Lab panel: three read-only answers under ``/audit-lab/api/``.

`folders` keeps every path inside the server's root folder, `logs` opens logs there and keeps them open, `messages`
names what goes over the wire (its TypeScript half is ``extensions/labextension/src/messages.ts``), and `handlers`
puts them behind the server's authentication and authorization. `extension` hooks the handlers into a server; the
three functions here are the names by which Jupyter finds it.
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
