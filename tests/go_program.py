"""Programs in Go that check our files with the library of Go's checksum database, which nobody here wrote."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

LIBRARIES = Path("/usr/share/gocode")


def built(source: Path, folder: Path) -> Path:
    """Return the program built from a source file; the test is skipped where Go or the library is not installed."""
    go = shutil.which("go")
    if go is None or not (LIBRARIES / "src" / "golang.org" / "x" / "mod").is_dir():
        pytest.skip("Go or its x/mod library is not installed (Debian: golang-go, golang-golang-x-mod-dev)")
    settings = {
        "GO111MODULE": "off",
        "GOPATH": str(LIBRARIES),
        "GOFLAGS": "",
        "GOPROXY": "off",
        "GOSUMDB": "off",
        "CGO_ENABLED": "0",
        "GOCACHE": str(folder / "cache"),
    }
    program = folder / "check"
    command = [go, "build", "-o", str(program), str(source)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **settings}, cwd=folder)
    return program
