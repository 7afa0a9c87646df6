"""Run the command line as ``python -m audit_lab``."""

from __future__ import annotations

import sys

from audit_lab.cli import main

if __name__ == "__main__":
    sys.exit(main())
