"""What the doctor examines: this machine, and a log."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

from audit_lab.errors import AuditLabError, IntegrityError

__all__ = ["Check", "examine_log", "examine_machine"]

#: Package, and what does not work without it.
_PACKAGES = {
    "polars": "logs cannot be read",
    "pyarrow": "some Parquet files cannot be examined",
    "scikit-learn": "scikit-learn models cannot be replayed",
    "skops": "scikit-learn models cannot be replayed",
    "xgboost-cpu": "XGBoost models cannot be replayed",
    "lightgbm": "LightGBM models cannot be replayed",
    "catboost": "CatBoost models cannot be replayed",
    "onnxruntime": "ONNX models cannot be replayed",
    "shap": "decisions cannot be explained with SHAP",
    "lime": "decisions cannot be explained with LIME",
    "altair": "charts cannot be drawn",
    "vl-convert-python": "charts cannot be rendered without a browser",
    "nbconvert": "notebooks cannot be exported",
    "nbclient": "notebooks cannot be exported",
    "cryptography": "nothing can be signed or verified",
    "jupyterlab": "the panel cannot be opened",
}
#: Another distribution that provides the same module.
_INSTEAD = {"xgboost-cpu": "xgboost"}
_WALLS = ("network", "files", "processes", "system_calls", "user")
_WITHOUT_WALLS = (
    "an artifact allowed by --trust, and recorded environments, will not run here; what else runs is less shut in, so "
    "replay only artifacts that you trust"
)
_BUILD_WALLS = "Install bubblewrap and libseccomp, and allow unprivileged user namespaces (docs/sandbox.md)."


@dataclass(frozen=True)
class Check:
    """One thing examined: ``ok``, ``missing`` (something will not work) or ``wanting`` (something is wrong)."""

    what: str
    state: str
    found: str
    next_step: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        return asdict(self)


def examine_machine() -> list[Check]:
    """Look at the interpreter, the libraries and what the kernel offers to isolate a replay."""
    python = Check("Python", "ok", f"{platform.python_version()} at {sys.executable}")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9 if hasattr(os, "sysconf") else 0.0
    size = Check("machine", "ok", f"{platform.machine()}, {os.cpu_count()} processors, {memory:.0f} GB of memory")
    packages = [_package(name, effect) for name, effect in _PACKAGES.items()]
    return [python, size, *packages, *_isolation(), _browser()]


def _package(name: str, effect: str) -> Check:
    for candidate in (name, _INSTEAD.get(name, name)):
        try:
            return Check(candidate, "ok", metadata.version(candidate))
        except metadata.PackageNotFoundError:
            continue
    return Check(name, "missing", f"not installed: {effect}", f"pip install {name}")


def _isolation() -> list[Check]:
    """Start a child that does nothing, and report which walls it found around it."""
    from audit_lab.sandbox import isolation_offered

    try:
        offered = isolation_offered()
    except AuditLabError as error:
        return [Check("replay sandbox", "wanting", error.message, error.next_step)]
    standing = [f"{wall.replace('_', ' ')}: {offered.record[wall]}" for wall in _WALLS if wall not in offered.missing]
    missing = [
        Check(f"replay sandbox: {wall.replace('_', ' ')}", "missing", offered.record[wall], _BUILD_WALLS)
        for wall in offered.missing
    ]
    if missing:
        missing.append(Check("replay sandbox: what follows", "missing", _WITHOUT_WALLS))
    return [Check("replay sandbox", "ok", "; ".join(standing) or "a child process without walls"), *missing]


def _browser() -> Check:
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if found:
        return Check("browser", "ok", found)
    return Check("browser", "ok", "no Chromium found: only the project's own browser tests need it")


def examine_log(path: str, mapping: str | None) -> list[Check]:
    """Look at a log: its tables, the digests of its segments, what cannot be replayed and what was lost."""
    from audit_lab.face import open_log

    try:
        log = open_log(path, mapping)
        described = log.describe()
    except AuditLabError as error:
        return [Check(f"log {path}", "wanting", error.message, error.next_step)]
    rows = ", ".join(f"{name} {count:,}" for name, count in described["tables"].items())
    checks = [
        Check(f"log {path}", "ok", f"{log.origin}: {rows}"),
        Check("time range", "ok", f"{described['first_time']} to {described['last_time']}"),
    ]
    try:
        report = log.verify()
        if report.checked:
            checks.append(Check("segments", "ok", "; ".join(report.checked)))
        else:
            advice = "Ask its writer for digests, and keep them elsewhere."
            checks.append(Check("segments", "missing", "not checked: " + "; ".join(report.not_checked), advice))
    except IntegrityError as error:
        checks += [Check(f.file, "wanting", f"{f.code}: {f.meaning}", f.next_step) for f in error.report.findings]
    try:
        covered = log.coverage()
    except AuditLabError as error:
        return [*checks, Check("coverage", "wanting", error.message, error.next_step)]
    complete = 0 < covered.predictions == covered.replayable and not covered.lost
    first, *rest = covered.summary()
    checks.append(Check("coverage", "ok" if complete else "wanting", first))
    checks += [Check("coverage", "ok" if text.startswith("Not checked") else "wanting", text) for text in rest]
    return checks
