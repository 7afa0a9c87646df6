"""What answers a letter about one prediction, for the `Decision` that users hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from audit_lab.face.explained import Explained
from audit_lab.face.progress import shown_while

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime
    from pathlib import Path

    from audit_lab.dossier import Dossier
    from audit_lab.explain.counterfactual import Constraints
    from audit_lab.explain.reasons import ReasonCodes
    from audit_lab.sandbox import Limits
    from audit_lab.seal.report import Verification

__all__ = ["Answered"]


class Answered(Explained):
    """The question that asks all others, for somebody who wrote a letter."""

    def dossier(
        self,
        path: str | Path | None = None,
        *,
        timezone: str | None = None,
        codes: ReasonCodes | str | Path | None = None,
        counterfactual: bool | Constraints = False,
        verification: Verification | None = None,
        paper: Literal["a4", "letter"] = "a4",
        made_at: datetime | None = None,
        seed: int = 0,
        limits: Limits | None = None,
        environment: Literal["present", "recorded"] = "present",
        trust: Collection[str] = (),
        trusted_types: Collection[str] = (),
        progress: Callable[[str, int], None] | None = None,
    ) -> Dossier:
        """Answer a letter on two pages: what was decided, when, by what, on which inputs, why, and what is missing.

        What cannot be replayed or explained is told, with who owns the gap.

        Parameters
        ----------
        path
            Where to write it, as the file's ending says: ``.pdf``, ``.html`` or ``.json``; nowhere when None.
        timezone
            IANA name of the zone of local times; default: the one in AUDIT_LAB_TIMEZONE, else UTC. The dossier says.
        codes
            As for `reasons`; without them no reason codes are told.
        counterfactual
            Whether to tell the nearest change that would have led to another decision, or what may change.
        verification
            What `AuditLog.verify` returned; without it the dossier says that the log was not checked.
        paper
            ``a4`` or ``letter``.
        made_at
            When it is made; default: now. With the same moment the same question gives the same bytes.
        seed
            Of the explanation and the reasons.
        limits, environment, trust, trusted_types
            As for `replay`.
        progress
            Called with the name of each step that is done, and 1.

        Raises
        ------
        MisuseError
            The file's ending, the zone, the paper, the codes or the constraints cannot be meant.
        """
        from audit_lab.dossier import Asked, assembled_dossier
        from audit_lab.dossier.content import check_path
        from audit_lab.dossier.moments import clock_of
        from audit_lab.explain.counterfactual import Constraints
        from audit_lab.explain.reasons import ReasonCodes

        check_path("dossier.pdf" if path is None else path, paper)
        clock = clock_of(timezone)
        chosen = codes if isinstance(codes, ReasonCodes) or codes is None else ReasonCodes.read(codes)
        flip = counterfactual if isinstance(counterfactual, Constraints) else Constraints() if counterfactual else None
        journal = self._access.journal
        with (
            self._access.asking(
                "dossier",
                self.place,
                timezone=clock.zone.key,
                codes_sha256=None if chosen is None else chosen.sha256,
                counterfactual=None if flip is None else flip.words(),
                environment=None if environment == "present" else environment,
                trust=[*trust, *trusted_types] or None,
            ) as answer,
            shown_while("dossier", progress),
        ):
            self.tell(answer)
            asked = Asked(
                timezone=timezone,
                codes=chosen,
                flip=flip,
                verification=verification,
                asked_by=None if journal is None else f"{journal.actor}: {journal.purpose}",
                made_at=made_at,
                seed=seed,
                limits=limits,
                environment=environment,
                trust=trust,
                trusted_types=trusted_types,
                progress=progress,
            )
            dossier = assembled_dossier(self._store, self._parts, asked)
            answer.rows = 1 + dossier.source.compared_with
        if path is not None:
            dossier.write(path, paper=paper)
        return dossier
