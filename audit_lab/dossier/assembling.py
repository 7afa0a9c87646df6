"""Put a dossier together: ask everything that a letter asks, and tell what could not be answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from audit_lab.dossier.answer import decision_text, held, pushed, what_was_decided
from audit_lab.dossier.content import Dossier, Integrity, Source
from audit_lab.dossier.erasers import erasers_of
from audit_lab.dossier.happenings import afterwards_of, approvals_of, last_change
from audit_lab.dossier.moments import clock_of
from audit_lab.dossier.outcomes import Attempt, attempted
from audit_lab.dossier.reasons_told import decided_by, why_of
from audit_lab.dossier.reproduction import reproduction_of
from audit_lab.dossier.stated import decided_facts, explained_words, inputs_of, personal_words, version_facts_of
from audit_lab.dossier.wanting import NOT_CHECKED, wanting_of
from audit_lab.explain.of_decision import explain_decision
from audit_lab.replay.runner import Runner
from audit_lab.replay.single import replay_decision
from audit_lab.replay.surroundings import environment_choice
from audit_lab.seal.digests import sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from audit_lab.explain.attribution import Attribution
    from audit_lab.explain.counterfactual import Constraints, Counterfactuals
    from audit_lab.explain.reasons import ReasonCodes, Reasons
    from audit_lab.log.store import LogStore
    from audit_lab.replay.reconstruction import Reconstruction
    from audit_lab.replay.verdict import Replay
    from audit_lab.sandbox import Limits
    from audit_lab.seal.report import Verification

__all__ = ["Asked", "assembled_dossier"]


@dataclass(frozen=True)
class Asked:
    """What a dossier is to answer.

    Parameters
    ----------
    timezone
        The IANA name of the zone of local times, as `audit_lab.dossier.moments.clock_of` takes it.
    codes
        Reason codes, where reasons are wanted.
    flip
        What may change, where the nearest counterfactual is wanted.
    verification
        What a verification of the log said, where one was made.
    asked_by
        Who asks, and why, in words.
    made_at
        When it is made; default: now, to the second.
    seed, limits, environment, trust, trusted_types
        As for an explanation and a replay.
    progress
        Called with the name of each step before it begins, and 1 when it is done.
    """

    timezone: str | None = None
    codes: ReasonCodes | None = None
    flip: Constraints | None = None
    verification: Verification | None = None
    asked_by: str | None = None
    made_at: datetime | None = None
    seed: int = 0
    limits: Limits | None = None
    environment: Any = "present"
    trust: Collection[str] = ()
    trusted_types: Collection[str] = ()
    progress: Callable[[str, int], None] | None = None

    def step(self, name: str, count: int = 1) -> None:
        """Say that a step is done."""
        if self.progress is not None:
            self.progress(name, count)


@dataclass(frozen=True)
class _Answers:
    """What the decision's model was asked; an `Attempt` where it could not answer, None where it was not asked."""

    replay: Replay | Attempt
    attribution: Attribution | Attempt
    reasons: Reasons | Attempt | None
    flips: Counterfactuals | Attempt | None

    def compared_with(self) -> int:
        rows: set[str] = set()
        if not isinstance(self.attribution, Attempt):
            rows |= set(self.attribution.background.rows)
        if self.reasons is not None and not isinstance(self.reasons, Attempt) and self.reasons.reference is not None:
            rows |= set(self.reasons.reference.rows)
        searched = 0 if self.flips is None or isinstance(self.flips, Attempt) else self.flips.data.rows
        return len(rows) + searched

    def attempts(self) -> tuple[Attempt, ...]:
        return tuple(each for each in (self.attribution, self.reasons, self.flips) if isinstance(each, Attempt))


def assembled_dossier(store: LogStore, parts: Reconstruction, asked: Asked) -> Dossier:
    """Return the dossier of a reconstructed decision.

    A question that its model cannot answer is told as that; it ends nothing.

    Raises
    ------
    MisuseError
        The time zone, the codes or the constraints cannot be meant.
    LogError
        A table cannot be read.
    """
    clock = clock_of(asked.timezone)
    made_at = clock.at(asked.made_at or datetime.now(UTC).replace(microsecond=0))
    answers = _answers(store, parts, asked)
    attribution = None if isinstance(answers.attribution, Attempt) else answers.attribution
    reasons = None if isinstance(answers.reasons, Attempt) else answers.reasons
    flips = None if isinstance(answers.flips, Attempt) else answers.flips
    replay = reproduction_of(answers.replay)
    integrity = _integrity(asked.verification)
    wanting = wanting_of(
        parts, answers.replay, answers.attempts(), integrity, asked_by=asked.asked_by, erasers=erasers_of(store, parts)
    )
    changed = last_change(parts, clock)
    registered = parts.model_version or {}
    return Dossier(
        prediction_id=parts.prediction_id,
        decision=decision_text(parts.prediction["decision"]),
        standing=decision_text(parts.final_decision),
        answer=(
            what_was_decided(parts, clock, changed),
            pushed(decided_by(parts), attribution, reasons),
            held(replay, wanting, integrity),
        ),
        decided=decided_facts(parts, clock),
        version=version_facts_of(parts, clock),
        approvals=approvals_of(parts, clock),
        inputs=inputs_of(parts, attribution),
        explained=None if attribution is None else explained_words(attribution),
        why=why_of(parts, answers.replay, answers.attribution, answers.reasons, answers.flips),
        replay=replay,
        afterwards=afterwards_of(parts, clock),
        wanting=wanting,
        integrity=integrity,
        source=Source(
            log=store.origin,
            checkpoint_sha256=None if store.checkpoint is None else sha256(store.checkpoint.encode()),
            manifest_sha256=store.manifest.sha256 if store.manifest else None,
            place=parts.place,
            artifact_sha256=registered.get("artifact_sha256"),
            attribution_sha256=None if attribution is None else attribution.digest,
            reason_codes_sha256=None if reasons is None else reasons.codes_sha256,
            counterfactual_sha256=None if flips is None else flips.digest,
            compared_with=answers.compared_with(),
            tool=_tool(),
        ),
        notes=store.notes,
        personal=personal_words(parts, asked.asked_by),
        timezone=clock.why,
        asked_by=asked.asked_by,
        made_at=made_at,
    )


def _answers(store: LogStore, parts: Reconstruction, asked: Asked) -> _Answers:
    chosen = environment_choice(store, asked.environment, parts.prediction)

    def runner() -> Runner:
        return Runner(
            store,
            limits=asked.limits,
            trust=asked.trust,
            trusted_types=asked.trusted_types,
            environments=chosen,
        )

    replay = attempted("replay", lambda: replay_decision(store, parts, runner()))
    asked.step("replay")
    attribution = attempted(
        "explanation", lambda: explain_decision(store, parts, "shap", seed=asked.seed, limits=asked.limits)
    )
    asked.step("explanation")
    return _Answers(replay, attribution, _reasons(store, parts, asked), _flips(store, parts, asked, runner))


def _reasons(store: LogStore, parts: Reconstruction, asked: Asked) -> Reasons | Attempt | None:
    codes = asked.codes
    if codes is None:
        return None
    from audit_lab.explain.reasons import reasons_of_decision

    found = attempted(
        "reasons",
        lambda: reasons_of_decision(
            store,
            parts,
            codes,
            seed=asked.seed,
            limits=asked.limits,
            trust=asked.trust,
            trusted_types=asked.trusted_types,
        ),
    )
    asked.step("reasons")
    return found


def _flips(
    store: LogStore, parts: Reconstruction, asked: Asked, runner: Callable[[], Runner]
) -> Counterfactuals | Attempt | None:
    if asked.flip is None:
        return None
    from audit_lab.explain.counterfactual import find_counterfactuals

    found = attempted("counterfactual", lambda: find_counterfactuals(store, parts, runner(), 1, constraints=asked.flip))
    asked.step("counterfactual")
    return found


def _integrity(report: Verification | None) -> Integrity:
    if report is None:
        meaning = "Nobody verified for this dossier that the log is as it was written."
        return Integrity(NOT_CHECKED, meaning, (), (), (), ())
    meanings = {
        "VERIFIED": "Everything that was checked holds, and something outside the signer's reach anchors it in time.",
        "UNANCHORED": "Everything that was checked holds, but whoever can write the log could have made it all today.",
        "STALE": "It is valid, and older than what this verifier has already seen.",
        "FAILED": "It was examined and found wanting: nothing here can rest on it before that is cleared up.",
        "REFUSED": "It was not examined further, since it is not safely what it claims to be.",
    }
    return Integrity(
        verdict=str(report.verdict),
        meaning=f"{report.subject}: {meanings[str(report.verdict)]}",
        findings=tuple(str(found) for found in report.findings),
        checked=report.checked,
        not_checked=report.not_checked,
        anchors=report.anchors,
    )


def _tool() -> str:
    from audit_lab import __version__

    return f"audit-lab {__version__}"
