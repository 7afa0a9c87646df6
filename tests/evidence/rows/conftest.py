"""A small sealed log about named persons, a case about three of its decisions, and its bundle, made once."""

from __future__ import annotations

import io
import shutil
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest

import audit_lab as al
from audit_lab.evidence import Case
from audit_lab.evidence.archive_writer import write_archive
from audit_lab.evidence.bundle_files import bundle_files
from audit_lab.evidence.export import export_case
from audit_lab.evidence.leaving import Leaving
from audit_lab.log.folder import LogFolder
from audit_lab.log.tree.state import LogState
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.seal.envelope import Envelope
from audit_lab.seal.statement import Statement
from audit_lab.seal.trust import Trust, TrustedKey
from audit_lab.verifier.bundle import examine_archive
from audit_lab.verifier.layout import ATTESTATION, RESEARCH_OBJECT
from audit_lab.verifier.predicate import Predicate

if TYPE_CHECKING:
    from pathlib import Path

    from audit_lab.seal.keys import SigningKey

ORIGIN = "demonstration-loans"
SUBJECT = "Annemarie Hollenbeck"
SIGNED_AT = datetime(2030, 2, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SealedLoans:
    """A sealed log, its vault, and the key that it began with."""

    folder: Path
    vault: Path
    key: TrustedKey

    def copy(self, to):
        """Return the same in another folder, to be changed."""
        shutil.copytree(self.folder, to / "log")
        shutil.copytree(self.vault, to / "vault")
        return SealedLoans(to / "log", to / "vault", self.key)


@dataclass
class Unpacked:
    """A bundle whose files can be changed and signed again by the same investigator."""

    files: dict[str, bytes]
    predicate: Predicate
    key: SigningKey

    @classmethod
    def read(cls, path, key):
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        statement = Statement.parse(Envelope.parse(files[ATTESTATION], ATTESTATION).payload, ATTESTATION)
        apart = {RESEARCH_OBJECT}  # it states the size of every file, and so finds each attack a second time
        payload = {name: each for name, each in files.items() if name.startswith("data/") and name not in apart}
        return cls(payload, Predicate.parse(statement.predicate, ATTESTATION), key)

    def attest(self, **changes):
        """State something else."""
        self.predicate = replace(self.predicate, **changes)
        return self

    def bundle(self):
        """Return all files of the bundle, signed again."""
        return bundle_files(self.files, self.predicate, self.key)

    def archive(self):
        """Return the bytes of the archive, signed again."""
        buffer = io.BytesIO()
        write_archive(buffer, self.bundle())
        return buffer.getvalue()

    def report(self, trust, **options):
        """Examine it, signed again."""
        return examine_archive(io.BytesIO(self.archive()), "case.zip", trust, **options)

    def found(self, trust):
        """Return what an examination finds, as (code, file)."""
        return [(finding.code, finding.file) for finding in self.report(trust).findings]


@pytest.fixture(scope="session")
def kept_loans(tmp_path_factory):
    """Return where the log is kept that every test reads, once one of them has made it."""
    return tmp_path_factory.mktemp("loans")


@pytest.fixture
def loans(make_log, kept_loans):
    """Return the sealed log; a test that changes it takes a copy."""
    if not (kept_loans / "log").exists():
        _build(al.open(make_log("plain")), kept_loans)
    genesis = LogState.fold(LogTree(LogFolder(kept_loans / "log")).entries(0, 1)).genesis
    return SealedLoans(kept_loans / "log", kept_loans / "vault", TrustedKey(genesis.log_key, "log", ORIGIN))


def _build(plain, to):
    tables = {name: plain._store.table(name).collect() for name in plain.describe()["tables"]}
    rows = range(tables["predictions"].height)
    names = [SUBJECT if row == 1 else f"Person number {row}" for row in rows]
    tables["predictions"] = tables["predictions"].with_columns(pl.Series("subject_id", names))
    with al.create_log(to / "log", ORIGIN, vault=to / "vault") as writer:
        writer.append({name: frame for name, frame in tables.items() if name != "outcomes"})
        writer.append({"outcomes": tables["outcomes"]})
    shutil.copytree(plain.path / "artifacts", to / "log" / "artifacts")


@pytest.fixture
def make_loans_case(tmp_path):
    """Create a case about two decisions of a log, one kept whole and one named in a table."""

    def make(log, folder="cases", case_id="LOANS-1"):
        opened = al.open(log)
        about = {"question": "Why?", "actor": "jane", "purpose": "complaint", "folder": tmp_path / folder}
        case = Case.create(case_id, opened, **about)
        kept = case.keep(opened.decision("p-001"), "The decision")
        case.keep(pl.DataFrame({"prediction_id": ["p-002", "p-003"], "why": ["a", "b"]}), "Others like it")
        case.keep(pl.DataFrame({"city": ["Bern"], "rows": [7]}), "By city")
        case.finding("It was the newcomer rule", [kept], "high")
        return case

    return make


@pytest.fixture
def loans_bundle(loans, make_loans_case, kept_loans, key):
    """Return the bundle of that case; nobody changes the archive."""
    bundle = kept_loans / "LOANS-1.zip"
    if not bundle.exists():
        export_case(
            make_loans_case(loans.folder), bundle, key=key, signed_at=SIGNED_AT, leaving=Leaving(vault=loans.vault)
        )
    return bundle


@pytest.fixture
def unpacked(loans_bundle, key):
    return Unpacked.read(loans_bundle, key)


@pytest.fixture
def both_keys(trust, loans):
    """Return a trust that accepts the investigator's key and the log's."""
    return Trust((*trust.keys, loans.key), "the test's trust")
