"""Seals: the pure parts of integrity, with no Parquet and no Jupyter in them.

Of a bundle: files are digested (`digests`), their digests are listed in an attestation (`statement`, in-toto Statement
v1), the attestation is put in an envelope (`envelope`, DSSE) and signed with a named Ed25519 key (`keys`, `key_file`).

Of a log: what it says of itself is a row of entries (`entry`, `entry_kinds`), each a leaf of one Merkle tree (`merkle`,
RFC 6962), which stands as files (`tiles`, C2SP tlog-tiles). The log signs the tree's size and root (`note`,
`checkpoint`), and a witness who has seen it grow cosigns them (`cosignature`, `witness`). The log's key is replaced as
it ages, each by the one before (`key_chain`). What is shown of a log is proven in one document (`proof_document`).

Whoever receives either pins the keys that he accepts (`trust`) and gets one kind of answer (`report`). All parsers are
strict: what would not print back identically is refused with `MalformedError`.
"""

from __future__ import annotations

from audit_lab.seal.checkpoint import (
    Checkpoint,
    SignedCheckpoint,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from audit_lab.seal.cosignature import check_cosignature
from audit_lab.seal.custody import CustodyLine, parse_custody
from audit_lab.seal.entry import Entry, parse_entry
from audit_lab.seal.entry_forms import PlacedRows
from audit_lab.seal.entry_kinds import (
    DisposalEntry,
    EraseEntry,
    ExportEntry,
    GenesisEntry,
    HeartbeatEntry,
    HoldEntry,
    ModelEntry,
    PauseEntry,
    PlacementEntry,
    ReleaseEntry,
    RotateEntry,
    SegmentEntry,
)
from audit_lab.seal.envelope import Envelope, sign_envelope
from audit_lab.seal.key_chain import KeyLink
from audit_lab.seal.key_file import read_key, read_passphrase, write_key
from audit_lab.seal.keys import PublicKey, SigningKey
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.note import Note, parse_note
from audit_lab.seal.proof_document import ProvenRecord, RecordProof
from audit_lab.seal.report import Finding, Verdict, Verification, settle
from audit_lab.seal.statement import Statement
from audit_lab.seal.trust import Trust, TrustedKey, format_trust
from audit_lab.seal.witness import Witnessed, WitnessRequest, witness_checkpoint

__all__ = [
    "Checkpoint",
    "CustodyLine",
    "DisposalEntry",
    "Entry",
    "Envelope",
    "EraseEntry",
    "ExportEntry",
    "Finding",
    "GenesisEntry",
    "HeartbeatEntry",
    "HoldEntry",
    "KeyLink",
    "MalformedError",
    "ModelEntry",
    "Note",
    "PauseEntry",
    "PlacedRows",
    "PlacementEntry",
    "ProvenRecord",
    "PublicKey",
    "RecordProof",
    "ReleaseEntry",
    "RotateEntry",
    "SegmentEntry",
    "SignedCheckpoint",
    "SigningKey",
    "Statement",
    "Trust",
    "TrustedKey",
    "Verdict",
    "Verification",
    "WitnessRequest",
    "Witnessed",
    "check_cosignature",
    "format_trust",
    "open_checkpoint",
    "parse_checkpoint",
    "parse_custody",
    "parse_entry",
    "parse_note",
    "read_key",
    "read_passphrase",
    "settle",
    "sign_checkpoint",
    "sign_envelope",
    "witness_checkpoint",
    "write_key",
]
