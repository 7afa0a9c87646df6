"""A small bundle whose every byte is known, and the means to attack it."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from dataclasses import dataclass, field, replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_lab.evidence.archive_writer import write_archive
from audit_lab.evidence.bundle_files import bundle_files
from audit_lab.seal.custody import NO_LINE, CustodyLine
from audit_lab.seal.digests import format_manifest, sha256
from audit_lab.seal.envelope import sign_envelope
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.trust import Trust, TrustedKey
from audit_lab.verifier.bundle import examine_archive
from audit_lab.verifier.predicate import AttestedNotebook, Predicate

KEY = SigningKey("jane@bank", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
STRANGER = SigningKey("mallory", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
TRUST = Trust((TrustedKey(KEY.public, "investigator", "flights"),), "the test's trust")

NOTEBOOK = b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}\n'
HTML = f'<meta name="audit-lab-notebook-sha256" content="{sha256(NOTEBOOK)}">\n<p>chart</p>\n'.encode()
TABLE = {"table.csv": b"a\n1\n", "table.parquet": b"PAR1"}
EXHIBIT_ID = sha256(format_manifest({name: sha256(content) for name, content in TABLE.items()}))
CUSTODY = [CustodyLine(1, "2026-01-01T00:00:00.000000Z", "jane", "created", "INC-1", "complaint", NO_LINE)]
CUSTODY += [
    CustodyLine(2, "2026-01-01T00:00:01.000000Z", "jane", "exhibit kept", EXHIBIT_ID, "complaint", CUSTODY[0].digest)
]
FOLDER = f"exhibits/001-{EXHIBIT_ID[:12]}-table"


def investigation():
    files = [{"name": n, "path": f"{FOLDER}/{n}", "sha256": sha256(c)} for n, c in sorted(TABLE.items())]
    exhibit = {"id": EXHIBIT_ID, "number": 1, "kind": "table", "title": "t", "note": "", "query": "", "models": []}
    return {
        "format": "audit_lab.investigation",
        "version": 1,
        "case": {"id": "INC-1", "question": "Why?", "actor": "jane", "purpose": "complaint"},
        "log": {"origin": "flights", "manifest_sha256": "ab" * 32, "checkpoint": None},
        "parameters": {},
        "steps": [],
        "exhibits": [{**exhibit, "files": files}],
        "findings": [{"id": "F1", "claim": "c", "supported_by": [EXHIBIT_ID], "confidence": "high"}],
        "conclusion": "Because.",
    }


def predicate():
    return Predicate(
        case_id="INC-1",
        question="Why?",
        log_origin="flights",
        log_manifest_sha256="ab" * 32,
        log_checkpoint=None,
        notebook=AttestedNotebook(sha256(b"source"), sha256(NOTEBOOK), sha256(HTML), "renderer 1"),
        custody_lines=2,
        custody_head=CUSTODY[-1].digest,
        environment={"python": "3.11"},
        signed_at="2026-01-02T00:00:00.000000Z",
        signer="jane@bank",
    )


def payload():
    return {
        "data/README.html": b"<p>read me</p>",
        "data/investigation.json": json.dumps(investigation()).encode(),
        "data/notebook/investigation.ipynb": NOTEBOOK,
        "data/notebook/investigation.html": HTML,
        **{f"data/{FOLDER}/{name}": content for name, content in TABLE.items()},
        "data/custody.jsonl": b"".join(line.to_bytes() + b"\n" for line in CUSTODY),
        "data/models/digests.json": b"{}",
        "data/environment/environment.json": b"{}",
    }


def found(report):
    """Return what a report found, as (code, file)."""
    return [(finding.code, finding.file) for finding in report.findings]


@dataclass
class Bundle:
    """The parts of a bundle; attacks change them before `files` signs and `archive` writes."""

    payload: dict[str, bytes] = field(default_factory=payload)
    predicate: Predicate = field(default_factory=predicate)
    key: SigningKey = KEY
    trust: Trust = TRUST
    stranger: SigningKey = STRANGER
    exhibit: str = f"data/{FOLDER}"

    def files(self):
        """Return every file, freshly signed."""
        return bundle_files(self.payload, self.predicate, self.key)

    def attest(self, **changes):
        """Sign another predicate."""
        self.predicate = replace(self.predicate, **changes)
        return self

    def edit_investigation(self, **changes):
        """Sign another investigation."""
        self.payload["data/investigation.json"] = json.dumps({**investigation(), **changes}).encode()
        return self

    def archive(self, files=None):
        """Return the bytes of the archive of `files`, by default of a freshly signed bundle."""
        buffer = io.BytesIO()
        write_archive(buffer, self.files() if files is None else files)
        return buffer.getvalue()

    def report(self, content=None, trust=None):
        """Examine the bytes of an archive, by default of a freshly signed bundle."""
        content = self.archive() if content is None else content
        return examine_archive(io.BytesIO(content), "case.zip", self.trust if trust is None else trust)

    def found(self, content=None, trust=None):
        """Return what the examination of an archive found, as (code, file)."""
        return found(self.report(content, trust))

    def found_in(self, files, trust=None):
        """Return what the examination of these files found."""
        return self.found(self.archive(files), trust)

    def signed(self, statement, *keys, kind="application/vnd.in-toto+json"):
        """Return an envelope around any bytes."""
        return sign_envelope(statement, kind, keys)

    def zipped(self, entries):
        """Return the bytes of a zip written by the standard library from (name or ZipInfo, content)."""
        buffer = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as file:
            warnings.simplefilter("ignore")
            for name, content in entries:
                file.writestr(name, content)
        return buffer.getvalue()


@pytest.fixture
def bundle():
    return Bundle()
