"""The environment in which an investigation ran: interpreter, platform, packages, processor, seeds, thread counts."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import audit_lab
from audit_lab.replay.environment.package_files import files_digest

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["KERNEL_SETTINGS", "environment_facts", "environment_lock", "facts_in", "library_version"]

#: What every investigation notebook runs under, so that it gives the same outputs again: seeds and thread counts.
KERNEL_SETTINGS = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "2",
    "MKL_NUM_THREADS": "2",
    "POLARS_MAX_THREADS": "2",
    "RAYON_NUM_THREADS": "2",
}

_PROCESSOR = Path("/proc/cpuinfo")
_OURS = "audit-lab"


def environment_facts(*, kernel_ran: bool = True) -> dict[str, Any]:
    """Return what is needed to set up the same environment; no host, user or path is named.

    Where no kernel ran there are no settings of one.

    ``package_sha256`` names what was installed, not only what it is called: for each package the digest of the files
    that its wheel brought. It is the same whoever installed that wheel, and wherever.
    """
    return {**_facts(_packages()), **({} if kernel_ran else {"kernel_settings": {}})}


def facts_in(site: Path, python: str) -> dict[str, Any]:
    """Return the same of an environment on this machine, by its packages' folder and the version of its interpreter.

    Nothing of it runs. Our own package is read from where it is running, there too.
    """
    there = _known(importlib.metadata.distributions(path=[str(site)]))
    there |= {name: known for name, known in _packages().items() if name == _OURS}
    return {**_facts(dict(sorted(there.items()))), "python": python}


def _facts(packages: dict[str, tuple[str, str]]) -> dict[str, Any]:
    c_library, c_version = platform.libc_ver()
    return {
        "format": "audit_lab.environment",
        "version": 1,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "system": platform.system(),
        "distribution": _distribution(),
        "c_library": f"{c_library} {c_version}".strip(),
        "machine": platform.machine(),
        "byte_order": sys.byteorder,
        "processor": _processor(),
        "processors": os.cpu_count(),
        "packages": {name: version for name, (version, _) in packages.items()},
        "package_sha256": {name: digest for name, (_, digest) in packages.items() if digest},
        "library_sha256": _library_digest(),
        "kernel_settings": KERNEL_SETTINGS,
    }


def environment_lock() -> bytes:
    """Return the packages at their exact versions, in the form that ``pip install -r`` reads."""
    lines = [f"# CPython {platform.python_version()}, {platform.system()} {platform.machine()}"]
    lines += [f"{name}=={version}" for name, (version, _) in _packages().items()]
    return "".join(f"{line}\n" for line in lines).encode()


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


@cache
def _packages() -> dict[str, tuple[str, str]]:
    return dict(sorted(_known(importlib.metadata.distributions()).items()))


def _known(distributions: Iterable[importlib.metadata.Distribution]) -> dict[str, tuple[str, str]]:
    """Return each package's version, and the digest of its files; empty where the installer recorded none."""
    found = {}
    for distribution in distributions:
        name = distribution.metadata["Name"]
        if name:
            record = distribution.read_text("RECORD") or ""
            found[name.lower().replace("_", "-")] = (distribution.version, files_digest(record))
    return found


@cache
def _library_digest() -> str:
    """Return the digest of our own sources, whether they are installed or run in place."""
    home = Path(audit_lab.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(home.rglob("*.py")):
        digest.update(f"{path.relative_to(home).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _distribution() -> str:
    """Return the name and version of the operating system's distribution, where it says them."""
    try:
        said = platform.freedesktop_os_release()
    except OSError:
        return platform.release()
    return f"{said.get('ID', '')} {said.get('VERSION_ID', '')}".strip()
