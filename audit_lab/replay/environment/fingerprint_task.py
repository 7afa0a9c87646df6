"""Take the fingerprint of the process that we are in. Runs in the sandbox's child, where the model ran.

Needs the standard library only; what numpy and threadpoolctl could tell is left out where they are not installed.
"""

from __future__ import annotations

import importlib
import os
import platform
import re
import sys
from functools import lru_cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from audit_lab.replay.environment.fingerprint import Fingerprint, Library, normal_name

if TYPE_CHECKING:
    from audit_lab.sandbox.job import Answer, Job

__all__ = ["MODEL_LIBRARIES", "present_fingerprint", "report"]

#: Modules that `report` may be asked to load first, so that the numeric libraries that they bring are there to be seen.
MODEL_LIBRARIES = ("numpy", "scipy.linalg", "sklearn.linear_model", "xgboost", "lightgbm", "catboost", "onnxruntime")

_PROCESSOR = Path("/proc/cpuinfo")
#: Instruction sets by which numpy, BLAS and model libraries choose kernels, as the Linux kernel names them.
_NUMERIC = re.compile(r"(?:sse|ssse|avx|fma|amx)\w*|pni|f16c|popcnt")
_NUMERIC_ELSEWHERE = re.compile(r"(?:fp|asimd|sve|sme|bf16|i8mm|neon|vfp|vsx|arch_|altivec|vx|rv)\w*")
_X86 = ("x86_64", "amd64", "i686", "i386")
_DISTRIBUTION = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)(?:-py\d[\d.]*)?\.(?:dist|egg)-info")
_BUNDLED = re.compile(r"(?P<owner>[\w.-]+)\.libs")
_OURS = "audit-lab"


def report(job: Job) -> Answer:
    """Task: answer with the fingerprint of this child; the header's ``modules`` are loaded before, where they exist."""
    from audit_lab.sandbox.job import Answer

    for name in job.header.get("modules", ()):
        if name in MODEL_LIBRARIES:
            try:
                importlib.import_module(name)
            except ImportError:
                continue
    return Answer({"fingerprint": present_fingerprint().to_dict()})


def present_fingerprint() -> Fingerprint:
    """Return the fingerprint of this process: take it after the model has run, when its libraries are loaded.

    Costs about a millisecond; what cannot change while a process lives is looked up once.
    """
    blas, openmp, threads = _numeric_libraries()
    cpu, features = _processor()
    return Fingerprint(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        system=platform.system(),
        machine=platform.machine(),
        libc=_libc(),
        cpu=cpu,
        cpu_features=features,
        blas=blas,
        openmp=openmp,
        threads={**threads, "processors": _processors()},
        packages=_packages(tuple(sys.path)),
    )


def _libc() -> str | None:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):
        return None


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _processor() -> tuple[str | None, tuple[str, ...] | None]:
    try:
        text = _PROCESSOR.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or None, _features_by_numpy()
    facts: dict[str, str] = {}
    for line in text.split("\n\n", 1)[0].splitlines():
        name, _, value = line.partition(":")
        facts[name.strip().lower()] = value.strip()
    parts = (f"{name} {facts[name]}" for name in ("cpu implementer", "cpu part", "cpu variant") if name in facts)
    model = facts.get("model name") or ", ".join(parts) or platform.processor() or None
    flags = facts.get("flags", facts.get("features"))
    if flags is None:
        return model, _features_by_numpy()
    numeric = _NUMERIC if platform.machine().lower() in _X86 else _NUMERIC_ELSEWHERE
    return model, tuple(sorted(flag for flag in set(flags.split()) if numeric.fullmatch(flag)))


def _features_by_numpy() -> tuple[str, ...] | None:
    """Return what numpy detected, where the system keeps no file about its processor."""
    for module in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        found = getattr(sys.modules.get(module), "__cpu_features__", None)
        if isinstance(found, dict):
            return tuple(sorted(name.lower() for name, present in found.items() if present))
    return None


def _numeric_libraries() -> tuple[tuple[Library, ...] | None, tuple[Library, ...] | None, dict[str, int]]:
    try:
        threadpoolctl = importlib.import_module("threadpoolctl")
    except ImportError:
        return _blas_by_numpy(), None, {}
    pools: list[dict[str, Any]] = threadpoolctl.threadpool_info()
    kinds: dict[str, set[Library]] = {"blas": set(), "openmp": set()}
    threads: dict[str, int] = {}
    for pool in pools:
        kind = pool["user_api"]
        library = pool["internal_api"] if kind == "blas" else pool["prefix"]
        settings = (pool["version"], pool.get("threading_layer"), pool.get("architecture"))
        kinds[kind].add(Library(library, *settings, bundled_with=_bundled_with(pool["filepath"])))
        threads[kind] = max(threads.get(kind, 0), int(pool["num_threads"]))
    blas, openmp = (tuple(sorted(kinds[kind], key=str)) for kind in ("blas", "openmp"))
    return blas or _blas_by_numpy(), openmp, threads


def _bundled_with(path: str) -> str | None:
    """Return the package in whose folder of libraries a file lies; the rest of the path says where, not what."""
    folder = PurePath(path).parent
    match = _BUNDLED.fullmatch(folder.name)
    if match is not None:
        return normal_name(match["owner"])
    return normal_name(folder.parent.name) if folder.name in {".dylibs", "lib"} and "site-packages" in path else None


def _blas_by_numpy() -> tuple[Library, ...] | None:
    """Return the BLAS that numpy was built with, which says less: neither kernel nor threading layer."""
    numpy = sys.modules.get("numpy")
    try:
        found = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[union-attr]
        return (Library(str(found["name"]), str(found["version"]), bundled_with="numpy"),)
    except (AttributeError, KeyError, TypeError):
        return None


@lru_cache(maxsize=4)
def _packages(search_path: tuple[str, ...]) -> dict[str, str]:
    """Return the distributions on a search path by the names of their folders, no file of them read; ours left out."""
    found: dict[str, str] = {}
    for folder in search_path:
        try:
            names = sorted(path.name for path in Path(folder or ".").iterdir())
        except OSError:
            continue
        for name in names:
            match = _DISTRIBUTION.fullmatch(name)
            if match is not None:
                found.setdefault(normal_name(match["name"]), match["version"])
    found.pop(_OURS, None)
    return dict(sorted(found.items()))
