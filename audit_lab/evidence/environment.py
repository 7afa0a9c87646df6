"""The environment in which an investigation ran: interpreter, platform, packages, processor, thread counts."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

import audit_lab

__all__ = ["KERNEL_SETTINGS", "environment_facts", "library_version"]

#: What every investigation notebook runs under, so that it gives the same outputs again.
KERNEL_SETTINGS = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "2",
    "MKL_NUM_THREADS": "2",
}

_PROCESSOR = Path("/proc/cpuinfo")


def environment_facts() -> dict[str, Any]:
    """Return what is needed to set up the same environment; no host, user or path is named."""
    packages = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            packages[name.lower().replace("_", "-")] = distribution.version
    return {
        "format": "audit_lab.environment",
        "version": 1,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "machine": platform.machine(),
        "byte_order": sys.byteorder,
        "processor": _processor(),
        "processors": os.cpu_count(),
        "packages": dict(sorted(packages.items())),
        "kernel_settings": KERNEL_SETTINGS,
    }


def library_version() -> str:
    """Return the version of audit_lab that is running."""
    return audit_lab.__version__


def _processor() -> dict[str, str]:
    """Return the processor's model and features, where the system says them."""
    if not _PROCESSOR.exists():
        return {"model": platform.processor(), "features": ""}
    facts: dict[str, str] = {}
    for line in _PROCESSOR.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip().lower(), value.strip())
    return {"model": facts.get("model name", ""), "features": facts.get("flags", facts.get("features", ""))}
