"""The ``audit-lab`` command: a thin face over the library, one module for each group of commands.

Exit codes: 0 all well; 1 what was examined was found wanting; 2 the call was wrong. Every command takes ``--json``.
"""

from __future__ import annotations

from audit_lab.cli.app import main

__all__ = ["main"]
