"""`Case`: a case that can be exported as evidence."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.case.casefile import CaseFile
from audit_lab.case.open_case import note_open
from audit_lab.case.recorded_sign_offs import SIGNED_OFF, VOID
from audit_lab.errors import MisuseError, NotebookError
from audit_lab.evidence.export import export_case
from audit_lab.evidence.keyring import accepted_keys, signing_key
from audit_lab.evidence.leaving import leaving_with
from audit_lab.evidence.notebook_run import RUN_VARIABLE
from audit_lab.evidence.signing_off import SignedOff, changed_since, faults_of_sign_offs, read_sign_offs, sign_off
from audit_lab.face import AuditLog
from audit_lab.face.access import Access
from audit_lab.seal.hidden_letters import spelling_text
from audit_lab.seal.report import settle
from audit_lab.verifier.bundle import examine_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from typing import Self

    from audit_lab.case.casefile import ExaminedLog
    from audit_lab.log.keys.vault import Vault
    from audit_lab.seal.keys import SigningKey
    from audit_lab.seal.sign_off import SignOff
    from audit_lab.seal.trust import Trust

__all__ = ["Case"]


@dataclass(frozen=True)
class Case(CaseFile):
    """One investigation: what a `CaseFile` is, its export, and who signed that off.

    Made from a log that keeps a journal, it writes its exports and sign-offs there too.
    """

    access: Access = field(default_factory=Access, compare=False, repr=False)

    @spelling_text
    def __repr__(self) -> str:
        """Return the case in a line that is the same wherever its folder stands."""
        return f"Case {self.case_id!r} about the log {self.about.log_origin!r}"

    @classmethod
    def create(cls, case_id: str, log: ExaminedLog, **about: Any) -> Self:
        """Create a case, or reopen the one that has the same id, log and question; as `CaseFile.create`."""
        case = super().create(case_id, log, **about)
        made = replace(case, access=Access(log.journal)) if isinstance(log, AuditLog) else case
        note_open(made)
        return made

    @classmethod
    def open(cls, folder: Path | str, **about: Any) -> Self:
        """Open the case that stands in `folder`; as `CaseFile.open`. Views are kept in the one that is open."""
        case = super().open(folder, **about)
        note_open(case)
        return case

    def export(
        self,
        out: Path | str,
        *,
        key: SigningKey | Path | str | None = None,
        notebook: Path | str | None = None,
        passphrase: str | None = None,
        signed_at: datetime | None = None,
        overwrite: bool = False,
        redaction: Path | str | None = None,
        include_models: bool = False,
        vault: Vault | Path | str | None = None,
        known_checkpoint: Path | str | None = None,
        own_folder: bool = False,
        log: Path | str | None = None,
        progress: Callable[[str, int], None] | None = None,
    ) -> Path:
        """Export the case as a signed evidence bundle and return the archive's path.

        Files of the case that were edited by hand get a custody line first, and the bundle's page names them.

        Parameters
        ----------
        out
            The folder for ``<case>.zip``, or the archive's own path.
        key
            A signing key, or the path of its file; default: the file in AUDIT_LAB_KEY.
        notebook
            A notebook to run from a clean kernel, in a clean folder, and put into the bundle.
        passphrase
            Where the key's passphrase comes from: ``prompt``, ``env:NAME`` or ``fd:NUMBER``.
        signed_at
            The time to state; default: now.
        overwrite
            Whether a bundle that stands there already is replaced.
        redaction
            A redaction profile: which columns are withheld. Rows are proven all the same.
        include_models
            Whether the artifacts of the models that the exhibits speak of leave with the bundle; else their digests do.
        vault
            The vault of the case's log, or its folder, to prove rows of personal tables; default: the one in the user's
            state folder, if it is there.
        known_checkpoint
            The file of a checkpoint that the reader has already: the bundle proves that the log grew from it. Default:
            the last one before the case's.
        own_folder
            Whether the notebook runs in its own folder, where it finds what stands beside it; the bundle says so.
        log
            The log that the notebook is to find in the place of the one that it opens.
        progress
            Called with what begins (a cell, the rows, the pages, the archive, its check) and 1.

        Raises
        ------
        LogError
            The log no longer matches the case's checkpoint, a row is not as it was sealed, or the log did not grow from
            the known checkpoint. Nothing is written.
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
        leaving = leaving_with(
            redaction=redaction, include_models=include_models, vault=vault, known_checkpoint=known_checkpoint
        )
        with self.access.asking("export", self.case_id, out=out, notebook=notebook):
            self.note_edits()
            return export_case(
                self,
                Path(out),
                key=signing_key(key, passphrase),
                notebook=chosen,
                signed_at=signed_at,
                overwrite=overwrite,
                leaving=leaving,
                own_folder=own_folder,
                log=None if log is None else Path(log).expanduser(),
                progress=progress,
            )

    def sign_off(
        self,
        bundle: Path | str,
        *,
        printed_name: str,
        meaning: str,
        role: str | None = None,
        reason: str = "",
        key: SigningKey | Path | str | None = None,
        passphrase: str | None = None,
        signed_at: datetime | None = None,
        trust: Trust | Path | str | Sequence[Path | str] | None = None,
    ) -> SignOff:
        """Sign a bundle of this case off, and record it in the case's custody; see `audit_lab.evidence.sign_off`.

        Raises
        ------
        MisuseError
            The bundle is of another case, or the case has changed since it was exported: export it again first.
        IntegrityError
            The bundle does not hold.
        """
        if changed_since(self, bundle):
            raise MisuseError(
                f"The case {self.case_id} has changed since {bundle} was exported", "Export it again, and sign that"
            )
        with self.access.asking("sign off", self.case_id, bundle=bundle, meaning=meaning):
            stated = sign_off(
                bundle,
                key=signing_key(key, passphrase),
                printed_name=printed_name,
                role=role,
                meaning=meaning,
                reason=reason,
                signed_at=signed_at,
                trust=trust,
            )
            self.record(f"{SIGNED_OFF}{meaning}", stated.attestation_sha256)
        return stated

    def draft_report(
        self, bundle: Path | str | None = None, *, trust: Trust | Path | str | Sequence[Path | str] | None = None
    ) -> Path:
        """Draft the incident report; with a bundle of this case that was approved, say who did, and no longer draft.

        Parameters
        ----------
        bundle
            The bundle of this case as it is now; None for a draft.
        trust
            The keys that are accepted for the bundle and its sign-offs; default: the user's own.

        Raises
        ------
        MisuseError
            The bundle is of another case, or the case has changed since it was exported.
        IntegrityError
            The bundle does not hold, or no accepted key signed that it is approved.
        """
        if bundle is None:
            return super().draft_report()
        if changed_since(self, bundle):
            raise MisuseError(
                f"The case {self.case_id} has changed since {bundle} was exported",
                "Export it again, and have that signed",
            )
        settle(examine_bundle(Path(bundle), accepted_keys(trust), require_sign_offs=("approved",)))
        said = [each.sentence() for each in read_sign_offs(bundle) if each.meaning == "approved"]
        approved = "; ".join(said)
        return self._report(f"{approved[:1].upper()}{approved[1:]}")

    def sign_offs(
        self, bundle: Path | str, *, trust: Trust | Path | str | Sequence[Path | str] | None = None
    ) -> tuple[SignedOff, ...]:
        """Return the sign-offs of a bundle of this case; void are those that were given before the case changed.

        Parameters
        ----------
        bundle
            The bundle of this case.
        trust
            The keys that are accepted: what does not hold before them is void too. None: what holds is not looked into.

        Raises
        ------
        MisuseError
            There is nothing at `bundle`, or it is of another case.
        """
        changed = changed_since(self, bundle)
        faults = {} if trust is None else faults_of_sign_offs(bundle, accepted_keys(trust))
        return tuple(SignedOff(each, VOID if changed else faults.get(each)) for each in read_sign_offs(bundle))
