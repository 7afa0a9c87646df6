"""Install the system packages that some tests need, or say plainly which tests will not run without them.

Packages stand in apt.txt, beside this file. With CI=true in the environment a missing one is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

_NEEDED_FOR = {
    "bubblewrap": "the tests of the sandbox's walls as bubblewrap makes them, and of artifacts trusted by digest only",
    "chromium": "tests/browser (the panel in a real JupyterLab) and the offline check of exported pages",
    "default-jre-headless": "the test that asks a log the same questions on Spark",
    "fonts-dejavu-core": "readable text in the pictures that the browser tests take",
    "golang-go": "the test that checks a log's tree with Go's sumdb",
    "golang-golang-x-mod-dev": "the same test: the library it checks with",
    "iproute2": "the session of the browser in a network of its own",
    "openssh-client": "the tests that sign with a key which a real ssh-agent holds",
    "openssl": "the tests that check signatures and key files with another implementation",
    "poppler-utils": "the test that reads a printed page with another implementation",
    "unzip": "the test that opens a bundle with another implementation",
}


def missing() -> list[str]:
    """Return the listed packages that are not installed."""
    listed = Path(__file__).with_name("apt.txt").read_text("utf-8").split()
    if shutil.which("dpkg-query") is None:  # another system: only what is a command can be looked for
        return [name for name in listed if not name.startswith("fonts-") and shutil.which(name) is None]
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *listed]
    shown = subprocess.run(query, capture_output=True, text=True, check=False).stdout  # noqa: S603 - names from apt.txt
    installed = {line.split()[0] for line in shown.splitlines() if line.endswith(" installed")}
    return [name for name in listed if name not in installed]


def install(names: list[str]) -> None:
    """Install packages where this user may."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return
    print(f"installing system packages: {', '.join(names)}", flush=True)  # noqa: T201
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in ([apt, "update", "-qq"], [apt, "install", "-y", "-qq", "--no-install-recommends", *names]):
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)  # noqa: S603 - names from apt.txt


def main() -> int:
    """Install what is missing; report what still is."""
    names = missing()
    if names:
        install(names)
        names = missing()
    for name in names:
        print(f"{name} is not installed: will not run: {_NEEDED_FOR[name]}")  # noqa: T201
    return int(bool(names) and os.environ.get("CI") == "true")


if __name__ == "__main__":
    sys.exit(main())
