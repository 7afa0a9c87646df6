"""Hook the panel's handlers into a Jupyter server."""

from __future__ import annotations

import atexit
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_server.utils import url_path_join

import audit_lab
from audit_lab.lab.handlers import ADDRESSES
from audit_lab.lab.served import Served

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from audit_lab.lab.logs import OpenedLog

__all__ = ["load"]


def load(server_app: ServerApp) -> None:
    """Serve the logs and cases below the server's root folder under ``/audit-lab/api/``."""
    served = Served(Path(server_app.root_dir).expanduser(), _open_log)
    atexit.register(served.jobs.cancel_all)
    base = url_path_join(server_app.web_app.settings["base_url"], "audit-lab", "api")
    server_app.web_app.add_handlers(
        ".*$",
        [(url_path_join(base, address), handler, {"served": served}) for address, handler in ADDRESSES.items()],
    )


def _open_log(folder: Path) -> OpenedLog:
    """Open with `audit_lab.open`, looked up at the call: importing it early would slow every server's start."""
    return audit_lab.open(folder)
