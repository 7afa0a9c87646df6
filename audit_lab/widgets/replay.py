"""The view of one replay: the verdict, what it means and what to do next, and where record and replay part."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.dossier.reproduction import MEANINGS
from audit_lab.replay.verdict import EFFECTS, STEPS, Verdict
from audit_lab.widgets.page import badge, exact, facts, listed, moment, note, page, paragraph, section, table
from audit_lab.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.replay.verdict import Replay

__all__ = ["ReplayView"]

_COMPARED = {"step": "Step", "recorded": "On record", "replayed": "Replayed", "same": "The same?"}
_DIFFERENCES = {"field": "What", "recorded": "Recorded", "present": "Here", "sentence": "What that is"}
_CAUSES = {"what": "What reproduces it", "reproduced": "Decisions reproduced", "examined": "Of", "exact": "Bit for bit"}
_PARTED = {"score-differs": "score", "label-differs": "label", "rule-differs": "rule", "decision-differs": "decision"}
_NOT_COMPARED = "not compared"
_NOTHING_RAN = "nothing ran"

#: What to do after each verdict; of what cannot be replayed, `_CLOSING` says it by the code.
_NEXT = {
    Verdict.EXACT: (
        "Nothing has to be cleared up here. Go on with the reasons, decision.explain(), or take the answer along: "
        "decision.dossier('letter.pdf')."
    ),
    Verdict.WITHIN_TOLERANCE: (
        "The decision stands. Whoever needs the last digits, too, replays it in the environment that was recorded: "
        "decision.replay(environment='recorded')."
    ),
    Verdict.DIVERGED: (
        "Read below what reproduces the record, if anything does. Then replay it in the environment that was recorded, "
        "decision.replay(environment='recorded'), and the decisions around it, log.replay(since=..., until=...): one "
        "alone is another matter than all of a day. Ask whoever deployed the version whether this artifact was served."
    ),
}
_WRITER = (
    "Ask whoever runs the writer of this prediction for what is wanting; decision.gaps names it, and "
    "log.coverage() how many decisions lack the same."
)
_REGISTRY = (
    "Ask whoever registered the version for what is wanting, and have it recorded; then replay again. log.coverage() "
    "says how many decisions wait for the same."
)
_VOUCH = (
    "If whoever owns the artifact vouches for this very file, name it: decision.replay(trust=['sha256:...']), or "
    "trusted_types=[...] for types in a skops file. Else ask for it in a format that runs nothing when it is opened."
)
_MACHINE = (
    "Replay it on a machine that can: with the library installed, with more time or memory (limits=...), or in the "
    "environment that was recorded (environment='recorded')."
)
_MODEL = (
    "Ask whoever trained the version whether it runs on these inputs anywhere; replay it in the environment that was "
    "recorded: decision.replay(environment='recorded')."
)
_ERASED = "It cannot be closed, and need not be: the events of the decision say who had it erased, when and why."
_CLOSING = {
    **dict.fromkeys(EFFECTS, _REGISTRY),
    **dict.fromkeys(
        (
            *("prediction-failed", "ambiguous-id", "model-not-stated", "version-not-stated", "threshold-missing"),
            *("output-missing", "inputs-missing", "inputs-redacted", "inputs-incomplete", "inputs-mistyped"),
            *("inputs-refused", "environment-not-recorded", "environment-malformed"),
        ),
        _WRITER,
    ),
    **dict.fromkeys(("artifact-format-unsafe", "artifact-types-unknown", "artifact-format-unknown"), _VOUCH),
    **dict.fromkeys(
        (
            *("library-missing", "isolation-missing", "environment-not-built", "model-timeout", "model-memory"),
            *("artifact-too-large", "artifact-too-old"),
        ),
        _MACHINE,
    ),
    **dict.fromkeys(("model-error", "model-crash", "model-output", "model-trespass"), _MODEL),
    "erased": _ERASED,
}


class ReplayView(Panel):
    """Verdict, meaning and next step of a replay, each step beside the record, causes, environment and isolation.

    Parameters
    ----------
    replay
        What ``decision.replay(...)`` returned.
    """

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        drawer, self._code = self._code_drawer()
        super().__init__([ipywidgets.HTML(page(self.parts())), drawer])

    @property
    def subject(self) -> Replay:
        """The replay."""
        return self._replay

    def parts(self) -> list[str]:
        """Return the verdict, what it means and what to do, the steps, causes, the environment and what bound it."""
        found = self._replay
        differences = [asdict(each) for each in found.differences]
        alike = paragraph("Of what the log records about the environment, nothing was found to differ.")
        return [
            badge(str(found.verdict)),
            paragraph(f"{found.prediction_id}, {found.model_name} {found.model_version or '(no version stated)'}"),
            note(found.why, bad=not found.reproduced),
            section("What it means", paragraph(MEANINGS[found.verdict]) + paragraph(EFFECTS.get(found.code, ""))),
            section("What to do next", paragraph(_next_step(found))),
            section("Step by step", table(list(_compared(found)), _COMPARED) + facts(_distances(found))),
            section("What reproduces the record", paragraph(_searched(found)) + table(_causes(found), _CAUSES)),
            section("Changed by a person", facts(_override(found))),
            section(
                "Environment",
                facts([("Ran in", _ran_in(found)), ("Processor and linear algebra", _numerics(found))])
                + (table(differences, _DIFFERENCES) or (alike if found.environment != _NOTHING_RAN else "")),
            ),
            section("What else was seen", listed(list(found.notes))),
            section("What it rests on", facts(_grounds(found))),
        ]

    def text(self) -> str:
        """Return the verdict, what it means and what to do next in lines of text."""
        found = self._replay
        return "\n".join(
            [
                f"{found.prediction_id}: {found.verdict} ({found.code})",
                found.why,
                MEANINGS[found.verdict],
                f"Next: {_next_step(found)}",
            ]
        )

    def code(self) -> str:
        """Return the Python that replays the decision again and shows it.

        What was trusted, and limits, are not in a replay, and so not in the code.
        """
        found = self._replay
        given = [] if found.environment in {"present", _NOTHING_RAN} else ["environment='recorded'"]
        given += ["environment='recorded'"] if found.code.startswith("environment-") else []
        could = found.verdict in {Verdict.DIVERGED, Verdict.WITHIN_TOLERANCE}
        given += ["causes=False"] if could and found.explanation is None else []
        return "\n".join(
            [
                "import audit_lab as al",
                "",
                f"replay = log.decision({found.place!r}).replay({', '.join(given)})",
                self._showing("replay"),
                "",
            ]
        )


def _next_step(found: Replay) -> str:
    return _NEXT.get(found.verdict) or _CLOSING.get(found.code, _REGISTRY)


def _compared(found: Replay) -> Iterator[dict[str, Any]]:
    """Yield each step from score to decision, recorded and replayed; the one at which they parted says so."""
    parted = _PARTED.get(found.code)
    steps = [name for name in ("score", "probabilities", *STEPS[1:]) if _has(found, name)]
    for step in steps:
        recorded, replayed = found.recorded.get(step), found.replayed.get(step)
        same = "yes" if recorded == replayed else "within the tolerance" if found.reproduced else "no"
        if recorded is None or replayed is None:
            same = _NOT_COMPARED
        if step == parted or (step == "probabilities" and parted == "score"):
            same = "no: here they part"
        yield {"step": step, "recorded": _words(recorded), "replayed": _words(replayed), "same": same}


def _has(found: Replay, step: str) -> bool:
    return found.recorded.get(step) is not None or found.replayed.get(step) is not None


def _words(value: Any) -> Any:
    return [exact(each) for each in value] if isinstance(value, list | tuple) else exact(value)


def _distances(found: Replay) -> list[tuple[str, Any]]:
    return [
        ("Distance of the scores", exact(found.distance)),
        ("Units in the last place", None if found.ulps is None else f"{found.ulps:,} of {found.precision}"),
        ("Counts as the same answer", None if found.tolerance is None else f"up to {found.tolerance}"),
    ]


def _searched(found: Replay) -> str:
    if found.explanation is None:
        return ""
    tried = sum(each.changes for each in found.explanation.tried)
    return f"{found.explanation.statement} {tried:,} changes were tried."


def _causes(found: Replay) -> list[dict[str, Any]]:
    explanation = found.explanation
    return [] if explanation is None else [asdict(each) for each in (*explanation.causes, *explanation.rivals)]


def _override(found: Replay) -> list[tuple[str, Any]]:
    row = found.override or {}
    at = row.get("recorded_at")
    return [
        ("When", None if at is None else moment(at.isoformat())),
        ("By", row.get("actor")),
        ("Before", row.get("decision_before")),
        ("After", row.get("decision_after")),
        ("Why", row.get("reason")),
    ]


def _ran_in(found: Replay) -> str:
    named = {"present": "the present environment", _NOTHING_RAN: "nowhere: nothing ran"}
    return named.get(found.environment, f"the recorded environment, built again: {found.environment}")


def _numerics(found: Replay) -> str | None:
    if found.environment == _NOTHING_RAN:
        return None
    said = {True: "those that were recorded", False: "not those that were recorded", None: "not recorded"}
    return said[found.same_numerics]


def _grounds(found: Replay) -> list[tuple[str, Any]]:
    return [
        ("Prediction", found.place),
        ("Artifact (SHA-256)", found.artifact_sha256),
        ("Isolation", ", ".join(f"{name}: {value}" for name, value in sorted(found.isolation.items()))),
    ]
