"""What every benchmark prints and keeps at its end: one JSON document, with the machine it ran on."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

__all__ = ["keep"]


def keep(script: str, results: Any, **about: Any) -> None:
    """Print a benchmark's results as one line of JSON, and write them beside the script.

    Parameters
    ----------
    script
        The script's ``__file__``.
    results, about
        What was measured, and with which settings.
    """
    machine = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
    }
    document = {**about, "machine": machine, "results": results}
    print()
    print(json.dumps(document))
    Path(script).with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
