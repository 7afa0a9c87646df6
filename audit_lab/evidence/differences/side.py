"""One side of a comparison: the files of a bundle, read without extracting it, or those that a case would export."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from audit_lab.case.about import ABOUT_NAME
from audit_lab.case.casefile import CaseFile
from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.evidence.archive_writer import chunks_of
from audit_lab.evidence.differences.change import Seen
from audit_lab.evidence.investigation import investigation_payload
from audit_lab.seal.digests import sha256_chunks
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import parse_json
from audit_lab.verifier.bundle import examine_bundle, opened
from audit_lab.verifier.layout import ENVIRONMENT, ENVIRONMENT_LOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.evidence.archive_writer import FileContent
    from audit_lab.seal.trust import Trust

__all__ = ["MOST_BYTES", "Side", "open_side"]

#: A larger file is compared by its digest only.
MOST_BYTES = 1 << 26


class _Files(Protocol):
    @property
    def names(self) -> tuple[str, ...]: ...

    def size_bytes(self, name: str) -> int: ...

    def chunks(self, name: str) -> Iterator[bytes]: ...


@dataclass
class Side:
    """The files of one side, by their names in a bundle."""

    seen: Seen
    files: _Files
    _digests: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Every file's name."""
        return frozenset(self.files.names)

    def digest(self, name: str) -> str:
        """Return the SHA-256 of a file."""
        if name not in self._digests:
            self._digests[name] = sha256_chunks(self.files.chunks(name))
        return self._digests[name]

    def content(self, name: str) -> bytes | None:
        """Return the bytes of a file; None where it is not there, or larger than `MOST_BYTES`."""
        if name not in self.names or self.files.size_bytes(name) > MOST_BYTES:
            return None
        return b"".join(self.files.chunks(name))

    def document(self, name: str) -> Any:
        """Return what a JSON file says; None where it is not there, too large, or no strict JSON."""
        content = self.content(name)
        try:
            return None if content is None else parse_json(content, name)
        except MalformedError:
            return None


@contextmanager
def open_side(path: Path, trust: Trust) -> Iterator[Side]:
    """Open a bundle or the folder of a case, and verify it where it is a bundle.

    Raises
    ------
    MisuseError
        There is neither at `path`, or the bundle's shape is refused: nothing of it is read.
    AuditLabError
        The archive changed while it was read.
    """
    if (path / ABOUT_NAME).is_file():
        yield Side(Seen(str(path), "case"), _CaseFiles(_payload(CaseFile.open(path))))
        return
    before = _state(path)
    report = examine_bundle(path, trust)
    with opened(path) as (container, findings):
        if container is None:
            named = ", ".join(dict.fromkeys(f"{finding.code} in {finding.file}" for finding in findings[:5]))
            raise MisuseError(
                f"{path} is no bundle whose files can be read ({named})",
                "Run audit-lab verify on it to see everything that is wrong",
            )
        codes = tuple(dict.fromkeys(finding.code for finding in report.findings))
        yield Side(Seen(str(path), "bundle", str(report.verdict), codes), container)
    if _state(path) != before:
        raise AuditLabError(f"{path} changed while it was read", "Compare it again")


def _state(path: Path) -> tuple[int, ...] | None:
    """Return what changes when a file is written anew or replaced; None for a folder, and where there is nothing."""
    if not path.is_file():
        return None
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


@dataclass
class _CaseFiles:
    """What a case would export, but for what the export itself makes."""

    payload: dict[str, FileContent]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.payload))

    def size_bytes(self, name: str) -> int:
        content = self.payload[name]
        return content.stat().st_size if isinstance(content, Path) else sum(map(len, self.chunks(name)))

    def chunks(self, name: str) -> Iterator[bytes]:
        return chunks_of(self.payload[name])


def _payload(case: CaseFile) -> dict[str, FileContent]:
    """Return the files of a case; the environment of whoever compares is not the case's."""
    payload = investigation_payload(case, case.exhibits, case.custody, kernel_ran=False)
    return {name: content for name, content in payload.items() if name not in {ENVIRONMENT, ENVIRONMENT_LOCK}}
