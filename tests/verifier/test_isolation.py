"""The light verifier needs nothing but the standard library and cryptography."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_verifier_loads_no_heavy_library():
    program = "import sys, audit_lab.verifier; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.replace("'", "").strip("[]\n").split(", "))
    assert loaded & {"polars", "pyarrow", "altair", "nbformat", "jinja2", "rfc8785", "nh3", "numpy"} == set()
