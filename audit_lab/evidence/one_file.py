"""The light verifier as one file, for whoever receives bundles and has nothing of ours."""

from __future__ import annotations

import io
from pathlib import Path

import audit_lab
from audit_lab.evidence.archive_writer import write_archive
from audit_lab.log.files.durable import write_bytes
from audit_lab.seal.digests import sha256

__all__ = ["verifier_bytes", "write_verifier"]

#: What the verifier is made of, and nothing else.
_PARTS = ("__init__.py", "errors.py", "seal/*.py", "verifier/*.py")
_STARTER = b"""from audit_lab.verifier.command import main

raise SystemExit(main())
"""
_INTERPRETER = b"#!/usr/bin/env python3\n"
_EXECUTABLE = 0o755


def verifier_bytes() -> bytes:
    """Return the file: an archive that Python 3.11 or newer runs; the same sources give the same bytes."""
    home = Path(audit_lab.__file__).parent
    files = {
        f"audit_lab/{path.relative_to(home).as_posix()}": path.read_bytes()
        for part in _PARTS
        for path in home.glob(part)
    }
    packed = io.BytesIO()
    write_archive(packed, {"__main__.py": _STARTER, **files})
    return _INTERPRETER + packed.getvalue()


def write_verifier(path: Path) -> str:
    """Write the file, executable, and return its SHA-256, which an auditor compares with the published one."""
    content = verifier_bytes()
    write_bytes(path, content, _EXECUTABLE)
    return sha256(content)
