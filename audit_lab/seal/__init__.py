"""Seals: the pure parts of integrity, with no Parquet and no Jupyter in them.

Files are digested (`digests`), their digests are listed in an attestation (`statement`, in-toto Statement v1), the
attestation is put in an envelope (`envelope`, DSSE) and signed with a named Ed25519 key (`keys`, `key_file`). Whoever
receives it pins the keys that he accepts (`trust`) and gets one kind of answer (`report`). All parsers are strict: what
would not print back identically is refused with `MalformedError`.
"""

from __future__ import annotations

from audit_lab.seal.custody import CustodyLine, parse_custody
from audit_lab.seal.envelope import Envelope, sign_envelope
from audit_lab.seal.key_file import read_key, read_passphrase, write_key
from audit_lab.seal.keys import PublicKey, SigningKey
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding, Verdict, Verification, settle
from audit_lab.seal.statement import Statement
from audit_lab.seal.trust import Trust, TrustedKey, format_trust

__all__ = [
    "CustodyLine",
    "Envelope",
    "Finding",
    "MalformedError",
    "PublicKey",
    "SigningKey",
    "Statement",
    "Trust",
    "TrustedKey",
    "Verdict",
    "Verification",
    "format_trust",
    "parse_custody",
    "read_key",
    "read_passphrase",
    "settle",
    "sign_envelope",
    "write_key",
]
