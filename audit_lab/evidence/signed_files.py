"""The files of a bundle that was examined, read a second time and held to the signature again."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError
from audit_lab.seal.digests import sha256
from audit_lab.verifier.layout import ATTESTATION
from audit_lab.verifier.signature import check_attestation

if TYPE_CHECKING:
    from typing import Self

    from audit_lab.seal.keys import PublicKey
    from audit_lab.seal.statement import Statement
    from audit_lab.seal.trust import Trust
    from audit_lab.verifier.container import Container
    from audit_lab.verifier.predicate import Predicate

__all__ = ["SignedFiles"]

#: What is looked into twice, against its CSV and for the page; so much of it is kept in memory.
_TABLE, _MOST_KEPT_BYTES = "/table.parquet", 64_000_000


@dataclass(frozen=True)
class SignedFiles:
    """The files of a bundle, read a second time: what is looked into is what was signed for.

    `wrong` are those against which something was found already.
    """

    container: Container
    statement: Statement
    predicate: Predicate
    key: PublicKey
    wrong: frozenset[str]
    _reading: threading.Lock = field(default_factory=threading.Lock)
    _kept: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, container: Container, trust: Trust, wrong: frozenset[str]) -> Self:
        """Read the attestation of a bundle again, which was found to hold.

        Raises
        ------
        AuditLabError
            It changed meanwhile.
        """
        checked = check_attestation(b"".join(container.chunks(ATTESTATION)), trust)
        if checked.findings or checked.statement is None or checked.predicate is None:
            raise _changed_meanwhile(ATTESTATION)
        return cls(container, checked.statement, checked.predicate, checked.keys[0], wrong)

    def has(self, name: str, content: bytes) -> bool:
        """Whether a file, whose digest was found to be the attested one, has this content."""
        return sha256(content) == self.statement.subjects.get(name)

    def content(self, name: str) -> bytes:
        """Return the content of a file.

        Raises
        ------
        AuditLabError
            It is not the attested one any more.
        """
        with self._reading:  # an archive has one place where it reads
            if name in self._kept:
                return self._kept[name]
            content = b"".join(self.container.chunks(name))
        if sha256(content) != self.statement.subjects.get(name):
            raise _changed_meanwhile(name)
        with self._reading:
            if name.endswith(_TABLE) and sum(map(len, self._kept.values())) + len(content) <= _MOST_KEPT_BYTES:
                self._kept[name] = content
        return content


def _changed_meanwhile(name: str) -> AuditLabError:
    return AuditLabError(f"{name} of the bundle changed while it was checked", "Check a copy that nobody writes to")
