"""Hook the panel's handlers into a Jupyter server."""

from __future__ import annotations

import atexit
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.services.contents.filemanager import FileContentsManager
from jupyter_server.utils import url_path_join

import audit_lab
from audit_lab.lab.handlers import ADDRESSES, ElsewhereHandler
from audit_lab.lab.served import Served

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from audit_lab.lab.logs import OpenedLog

__all__ = ["load"]


def load(server_app: ServerApp) -> None:
    """Serve the logs and cases below the folder that the file browser shows under ``/audit-lab/api/``.

    That folder is the contents manager's, which need not be the server's own. A contents manager that keeps its files
    anywhere but in a folder has none: then every address says so.
    """
    manager = server_app.contents_manager
    base = url_path_join(server_app.web_app.settings["base_url"], "audit-lab", "api")
    if isinstance(manager, FileContentsManager):
        served = Served(Path(manager.root_dir).expanduser(), _open_log)
        atexit.register(served.jobs.cancel_all)
        handlers: list[Any] = [
            (url_path_join(base, address), handler, {"served": served}) for address, handler in ADDRESSES.items()
        ]
    else:
        name = type(manager).__name__
        handlers = [(url_path_join(base, address), ElsewhereHandler, {"manager": name}) for address in ADDRESSES]
    server_app.web_app.add_handlers(".*$", handlers)


def _open_log(folder: Path) -> OpenedLog:
    """Open with `audit_lab.open`, looked up at the call: importing it early would slow every server's start."""
    return audit_lab.open(folder)
