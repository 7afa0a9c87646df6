"""A session of the browser in a network of its own that has this machine and nothing else in it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

INSIDE = "AUDIT_LAB_TEST_INSIDE"
#: Whoever is in there must find no way out, and then looks at the explorer as somebody does at a desk.
OUTSIDE = "import socket; socket.create_connection(('192.0.2.1', 9), 2)"
LOOKED_AT = "tests/browser/test_explorer.py::test_an_alert_over_the_timeline_is_read_out_and_selects_its_window"


@pytest.mark.skipif(INSIDE in os.environ, reason="this is the session in the network of its own")
def test_the_explorer_works_where_there_is_no_network_but_this_machine(prefix):
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("unshare or ip is not installed (apt-get install util-linux iproute2)")
    alone = ["unshare", "--map-root-user", "--net", "--"]
    made = subprocess.run([*alone, "ip", "link", "set", "lo", "up"], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"this machine lets nobody make a network of his own: {made.stderr.strip()}")
    python = shlex.quote(sys.executable)
    steps = [
        "ip link set lo up",
        f"! {python} -c {shlex.quote(OUTSIDE)} 2>/dev/null",
        f"exec {python} -m pytest -q -p no:cacheprovider -m browser {shlex.quote(LOOKED_AT)}",
    ]
    ran = subprocess.run(
        [*alone, "sh", "-ec", "\n".join(steps)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, INSIDE: str(prefix)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert "1 passed" in ran.stdout
