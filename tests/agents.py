"""A real ``ssh-agent`` for tests, with keys of a test in it."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["add", "running_agent"]


@contextmanager
def running_agent(folder, monkeypatch):
    """Start an agent whose socket stands in `folder` and is told as a shell would; end it with the block."""
    if shutil.which("ssh-agent") is None:
        pytest.skip("needs the ssh-agent command")
    socket = folder / "agent.socket"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        yield socket
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def add(folder, comment, private=None, *options):
    """Put an Ed25519 key into the agent under a comment, and return it."""
    private = private or Ed25519PrivateKey.generate()
    path = folder / "to-add"
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
    )
    path.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-c", "-C", comment, "-P", "", "-f", path], check=True, capture_output=True)
    subprocess.run(["ssh-add", "-q", *options, path], check=True, capture_output=True)
    path.unlink()
    return private
