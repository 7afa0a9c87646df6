"""`WhatIf`: a decision's inputs, some of them changed, and what the system makes of both."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.explain.describing import output_text
from audit_lab.explain.what_if.state import Refusal, Side, plain, value_words
from audit_lab.explain.what_if.telling import headline, html, sentences
from audit_lab.seal.digests import sha256
from audit_lab.seal.hidden_letters import spelling, spelling_text
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from audit_lab.explain.attribution import Attribution
    from audit_lab.explain.reasons import Reasons
    from audit_lab.explain.what_if.asked import Asked
    from audit_lab.explain.what_if.attributing import Explained
    from audit_lab.explain.what_if.state import Input, Remark

__all__ = ["WhatIf"]

_UNBOUNDED = ("margin", "regression")
_REPRODUCED = ("exact", "within-tolerance")
_ROWS = pl.Schema(
    {
        "feature": pl.String(),
        "unit": pl.String(),
        "recorded": pl.String(),
        "value": pl.String(),
        "is_changed": pl.Boolean(),
        "contribution": pl.Float64(),
        "changed_contribution": pl.Float64(),
        "difference": pl.Float64(),
    }
)
_SIDES = pl.Schema(
    {name: pl.String() for name in ("side", "label", "rule", "decision", "refused")} | {"score": pl.Float64()}
)


@dataclass(frozen=True)
class WhatIf:
    """One state of a what-if: the original decision in view, and what the system makes of the changed inputs.

    Parameters
    ----------
    prediction_id, place, model_name, model_version, artifact_sha256
        The decision, and the artifact that was run.
    output_kind, positive, threshold
        What the score is, the label at or above the threshold, and the threshold in force.
    inputs
        Every feature in the model's order, recorded and in this state.
    recorded, original, changed
        What the record says; what the artifact, threshold and rules give for the recorded inputs now; and what they
        give for the changed ones (the same as `original` where nothing is changed), or why the model refuses them.
    replay_code, replay_why
        How the original's replay compares with the record, as `Replay.code`, and why.
    overridden_to
        What a person changed the decision to afterwards; None where nobody did.
    remarks
        What is to be known of values that were put in: none recorded, outside of the range, no known category.
    unrepeated
        Sentences about rows that came out otherwise when they were run a second time; none where the model repeats
        itself.
    explained
        The attributions of both against one background, with one seed; or why there are none.
    original_reasons, changed_reasons, reasons_why_not
        Reasons of both, where reason codes were given; or why there are none.
    asked
        How the question was put.
    isolation, environment, notes
        What bound the child that ran the model, which environment it was, and what else was seen. Not part of the
        digest.
    """

    prediction_id: str
    place: str
    model_name: str
    model_version: str | None
    artifact_sha256: str | None
    output_kind: str
    positive: str | None
    threshold: float | None
    inputs: tuple[Input, ...]
    recorded: Side
    original: Side
    changed: Side | Refusal
    replay_code: str
    replay_why: str
    overridden_to: str | None
    remarks: tuple[Remark, ...]
    unrepeated: tuple[str, ...]
    explained: Explained
    original_reasons: Reasons | None
    changed_reasons: Reasons | None
    reasons_why_not: str | None
    asked: Asked
    isolation: Mapping[str, str]
    environment: str
    notes: tuple[str, ...]
    #: Asks the same decision with other changes; None where only the answer was made, and nothing can be asked again.
    again: Callable[[Mapping[str, Any]], WhatIf] | None = field(default=None, repr=False, compare=False)

    @property
    def changes(self) -> dict[str, Any]:
        """Feature to the value that takes the place of the recorded one, in the model's order."""
        return {each.feature: each.value for each in self.inputs if each.is_changed}

    @property
    def replays(self) -> bool:
        """Whether the original comes out as recorded."""
        return self.replay_code in _REPRODUCED

    @property
    def repeats(self) -> bool:
        """Whether the model gave the same answers to the same inputs when it was asked twice."""
        return not self.unrepeated

    @property
    def is_answered(self) -> bool:
        """Whether the model takes the changed inputs."""
        return isinstance(self.changed, Side)

    @property
    def flips(self) -> bool | None:
        """Whether the decision is another one than that of the recorded inputs now; None where there is none."""
        if isinstance(self.changed, Refusal) or None in (self.original.decision, self.changed.decision):
            return None
        return self.original.decision != self.changed.decision

    @property
    def original_attribution(self) -> Attribution | None:
        """Why the recorded inputs have their score."""
        return self.explained.original

    @property
    def changed_attribution(self) -> Attribution | None:
        """Why the changed inputs have theirs, against the same background and with the same seed."""
        return self.explained.changed

    def change(self, changes: Mapping[str, Any]) -> WhatIf:
        """Return the state with further changes; the original stays the recorded decision.

        Raises
        ------
        MisuseError
            A change cannot be meant, as for `Decision.what_if`.
        """
        return self._asked_again({**self.changes, **changes})

    def reset(self, *features: str) -> WhatIf:
        """Return the state with these features as recorded; all of them where none is named.

        Raises
        ------
        MisuseError
            A feature is none of the model's.
        """
        unknown = set(features) - {each.feature for each in self.inputs}
        if unknown:
            raise MisuseError(f"{min(unknown)!r} is no input of this decision's model", "Name one of its inputs.")
        kept = {name: value for name, value in self.changes.items() if features and name not in features}
        return self._asked_again(kept)

    def _asked_again(self, changes: Mapping[str, Any]) -> WhatIf:
        if self.again is None:
            raise MisuseError("this what-if is an answer only", "Ask decision.what_if again.")
        return self.again(changes)

    @property
    def rows(self) -> pl.DataFrame:
        """One row for each feature: recorded value and value in this state as text, contributions of both, difference.

        Contributions are null where there is no attribution, the difference where the two are not of the same output.
        """
        before, after = (_contributions(each) for each in (self.explained.original, self.explained.changed))
        rows = []
        for each in self.inputs:
            first, second = before.get(each.feature), after.get(each.feature)
            apart = None
            if self.explained.is_comparable and first is not None and second is not None:
                apart = second - first
            texts = (value_words(value) for value in (each.recorded, each.value))
            rows.append((each.feature, each.unit, *texts, each.is_changed, first, second, apart))
        return pl.DataFrame(rows, schema=_ROWS, orient="row")

    @property
    def sides(self) -> pl.DataFrame:
        """Three rows, ``recorded``, ``original`` (replayed) and ``changed``: score, label, rule, decision, refused."""
        found = {"recorded": self.recorded, "original": self.original, "changed": self.changed}
        rows = [
            (name, None, None, None, each.code, None)
            if isinstance(each, Refusal)
            else (name, each.label, each.rule, each.decision, None, each.score)
            for name, each in found.items()
        ]
        return pl.DataFrame(rows, schema=_SIDES, orient="row")

    @property
    def headline(self) -> str:
        """What came of it, in a few words."""
        return headline(self)

    @property
    def caption(self) -> list[str]:
        """Which decision and version it is, and how it was explained, for a picture."""
        who = f"{self.prediction_id}, {self.model_name} {self.model_version}"
        before = self.explained.original
        if before is None:
            return [who]
        rows = f"{len(before.background.rows):,} background decisions"
        return [who, f"{before.method.upper()}, both against the same {rows}, seed {before.seed}"]

    @property
    def score_title(self) -> str:
        """What the score is, for a picture."""
        if self.output_kind == "probability":
            return f"Score: probability of {self.positive}"
        names = {"multiclass": "Score: probability of the likeliest label", "label": "Score (the model gives none)"}
        return names.get(self.output_kind, f"Score: {self.output_kind}")

    @property
    def score_range(self) -> tuple[float, float] | None:
        """Lowest and highest score that there can be; None where it has no bounds."""
        return None if self.output_kind in _UNBOUNDED else (0.0, 1.0)

    @property
    def share_title(self) -> str | None:
        """What contributions are of, for a picture; None where there are none."""
        before = self.explained.original
        return None if before is None else f"Contribution to {output_text(before)}"

    @spelling_text
    def summary(self) -> list[str]:
        """Return the answer in plain sentences; what must be heeded comes first."""
        return sentences(self)

    def code(self) -> str:
        """Return the Python that reproduces this state."""
        return self.asked.code(self.place, self.changes)

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of `canonical`."""
        return sha256(self.canonical())

    def canonical(self) -> bytes:
        """Return question and answer as RFC 8785 JSON: the same bytes whenever, and in whichever child, it is asked."""
        return canonical_json(self._answer())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-safe values; unlike `canonical` with both attributions whole, and what bound it."""
        both = {"original": self.explained.original, "changed": self.explained.changed}
        return {
            **self._answer(),
            "digest": self.digest,
            "summary": self.summary(),
            "attributions": {name: None if each is None else json.loads(each.to_json()) for name, each in both.items()},
            "isolation": dict(self.isolation),
            "environment": self.environment,
            "notes": list(self.notes),
            "code": self.code(),
        }

    def _answer(self) -> dict[str, Any]:
        explained = self.explained
        facts = ("prediction_id", "place", "model_name", "model_version", "artifact_sha256", "output_kind", "positive")
        return {
            **{name: getattr(self, name) for name in facts},
            **plain({name: getattr(self, name) for name in ("threshold", "changes", "flips", "overridden_to")}),
            "inputs": [plain(asdict(each)) for each in self.inputs],
            **{name: plain(asdict(getattr(self, name))) for name in ("recorded", "original", "changed")},
            "replay": {"code": self.replay_code, "replays": self.replays},
            "remarks": [asdict(each) for each in self.remarks],
            "unrepeated": list(self.unrepeated),
            "contributions": plain(self.rows.select("feature", "contribution", "changed_contribution").rows()),
            "original_attribution": None if explained.original is None else explained.original.digest,
            "changed_attribution": None if explained.changed is None else explained.changed.digest,
            "attribution_why_not": explained.why_not,
            "attribution_doubts": list(explained.doubts),
            "original_reasons": None if self.original_reasons is None else self.original_reasons.digest,
            "changed_reasons": None if self.changed_reasons is None else self.changed_reasons.digest,
            "reasons_why_not": self.reasons_why_not,
            "asked": self.asked.to_dict(),
        }

    def asking_with(self, again: Callable[[Mapping[str, Any]], WhatIf]) -> WhatIf:
        """Return the same answer, from which further changes are asked for by `again`."""
        return replace(self, again=again)

    @spelling_text
    def __repr__(self) -> str:
        """Return what came of it."""
        return f"WhatIf: {self.headline}"

    @spelling
    def _repr_html_(self) -> str:
        """Return the sentences and the table of inputs; every text is escaped."""
        return html(self)


def _contributions(attribution: Attribution | None) -> dict[str, float]:
    return {} if attribution is None else {each.feature: each.contribution for each in attribution.contributions}
