"""`Case`: a case that can be exported as evidence."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.case.casefile import CaseFile
from audit_lab.errors import NotebookError
from audit_lab.evidence.export import export_case
from audit_lab.evidence.keyring import signing_key
from audit_lab.evidence.notebook_run import RUN_VARIABLE
from audit_lab.face import AuditLog
from audit_lab.face.access import Access

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self

    from audit_lab.case.casefile import ExaminedLog
    from audit_lab.seal.keys import SigningKey

__all__ = ["Case"]


@dataclass(frozen=True)
class Case(CaseFile):
    """One investigation: what a `CaseFile` is, and its export.

    Made from a log that keeps a journal, it writes its exports there too.
    """

    access: Access = field(default_factory=Access, compare=False, repr=False)

    @classmethod
    def create(cls, case_id: str, log: ExaminedLog, **about: Any) -> Self:
        """Create a case, or reopen the one that has the same id, log and question; as `CaseFile.create`."""
        case = super().create(case_id, log, **about)
        return replace(case, access=Access(log.journal)) if isinstance(log, AuditLog) else case

    def export(
        self,
        out: Path | str,
        *,
        key: SigningKey | Path | str | None = None,
        notebook: Path | str | None = None,
        passphrase: str | None = None,
        signed_at: datetime | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Export the case as a signed evidence bundle and return the archive's path.

        Parameters
        ----------
        out
            The folder for ``<case>.zip``, or the archive's own path.
        key
            A signing key, or the path of its file; default: the file in AUDIT_LAB_KEY.
        notebook
            A notebook to run from a clean kernel and put into the bundle.
        passphrase
            Where the key's passphrase comes from: ``prompt``, ``env:NAME`` or ``fd:NUMBER``.
        signed_at
            The time to state; default: now.
        overwrite
            Whether a bundle that stands there already is replaced.

        Raises
        ------
        MisuseError
            There is no key, or it does not open; or the archive exists and `overwrite` was not given.
        NotebookError
            The notebook did not run to its end, or calls its own export. Nothing is written.
        """
        if notebook is not None and RUN_VARIABLE in os.environ:
            raise NotebookError(
                f"{Path(notebook).name} exports itself while it is run for an export",
                "Leave the call out of the notebook, or leave notebook= out of the call",
            )
        chosen = None if notebook is None else Path(notebook)
        with self.access.asking("export", self.case_id, out=out, notebook=notebook):
            return export_case(
                self,
                Path(out),
                key=signing_key(key, passphrase),
                notebook=chosen,
                signed_at=signed_at,
                overwrite=overwrite,
            )
