"""A time-stamping authority of a test run, played by ``openssl ts``."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.log.time_anchors.timestamps import Authority, read_authority, timestamp_request

if TYPE_CHECKING:
    from pathlib import Path

_CONFIGURATION = """
[req]
distinguished_name = name
prompt = no
[name]
CN = to be replaced
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
[stamper]
basicConstraints = CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[ts]
dir = .
serial = ./serial
crypto_device = builtin
signer_cert = ./stamper.pem
signer_key = ./stamper.key
default_policy = 1.2.3.4.1
digests = sha256, sha512
signer_digest = sha256
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True)
class LocalAuthority:
    """A time-stamping authority of this test run, played by `openssl ts`."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / f"{self.folder.name}.pem"

    @property
    def authority(self) -> Authority:
        return read_authority(self.root)

    def answer(self, request: bytes) -> bytes:
        (self.folder / "request.tsq").write_bytes(request)
        self.openssl(
            "ts", "-reply", "-queryfile", "request.tsq", "-out", "answer.tsr", "-config", "c.cnf", "-section", "ts"
        )
        return (self.folder / "answer.tsr").read_bytes()

    def stamp(self, content: bytes) -> bytes:
        return self.answer(timestamp_request(content))

    def openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


CURVE = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def make_local_authority(
    folder: Path, accuracy: str = "", *, usage: str = "critical,timeStamping", kind: tuple[str, ...] = CURVE
) -> LocalAuthority:
    """Set up an authority with a root of its own; the folder's name is its name."""
    name = folder.name
    folder.mkdir()
    (folder / "c.cnf").write_text(_CONFIGURATION.replace("critical,timeStamping", usage) + accuracy)
    (folder / "serial").write_text("01\n")
    made = LocalAuthority(folder)
    key = ("-newkey", *kind, "-nodes", "-config", "c.cnf")
    root, days = f"{name}.pem", ("-days", "3650")
    made.openssl(
        "req", "-x509", *key, "-keyout", "root.key", "-out", root, *days, "-extensions", "root", "-subj", "/CN=root"
    )
    made.openssl("req", *key, "-keyout", "stamper.key", "-out", "stamper.csr", "-subj", "/CN=stamper")
    signing = (
        "-CA",
        root,
        "-CAkey",
        "root.key",
        "-CAcreateserial",
        *days,
        "-extfile",
        "c.cnf",
        "-extensions",
        "stamper",
    )
    made.openssl("x509", "-req", "-in", "stamper.csr", *signing, "-out", "stamper.pem")
    return made
