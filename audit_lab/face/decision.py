"""`Decision`: one prediction, reconstructed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from audit_lab.face.access import Access
from audit_lab.face.document import decision_document, decision_html, iso
from audit_lab.face.reconstructed import Reconstructed
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.search.query import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from audit_lab.explain.agreement import Agreement
    from audit_lab.explain.attribution import Attribution
    from audit_lab.explain.counterfactual import Constraints, Counterfactuals
    from audit_lab.explain.reasons import ReasonCodes, Reasons
    from audit_lab.face.access import Answer
    from audit_lab.log.store import LogStore
    from audit_lab.replay.comparable_cases import Comparable
    from audit_lab.replay.lineage import Edge, LineageGraph
    from audit_lab.replay.reconstruction import Gap, Reconstruction
    from audit_lab.replay.registry import InForce
    from audit_lab.replay.signature import Signature
    from audit_lab.replay.verdict import Replay
    from audit_lab.sandbox import Limits

__all__ = ["Decision"]


class Decision(Reconstructed):
    """One prediction, reconstructed: its row, inputs, version, lineage, events, outcome and gaps."""

    def __init__(self, store: LogStore, parts: Reconstruction, access: Access | None = None) -> None:
        self._store = store
        self._parts = parts
        self._access = access or Access()

    @property
    def prediction_id(self) -> str:
        """Its id."""
        return self._parts.prediction_id

    @property
    def place(self) -> str:
        """Where its row stands: ``id@segment:row``."""
        return self._parts.place

    @property
    def searched(self) -> str:
        """How its id was looked for in the log, and what that could miss; one sentence."""
        return self._parts.searched

    @property
    def prediction(self) -> dict[str, Any]:
        """Its row of the predictions table."""
        return self._parts.prediction

    @property
    def inputs(self) -> dict[str, Any] | None:
        """Feature to recorded value, in the model's order; None where they are missing or ambiguous."""
        return self._parts.inputs

    @property
    def model_version(self) -> dict[str, Any] | None:
        """Its version's row in the registry; None where it was never registered."""
        return self._parts.model_version

    @property
    def signature(self) -> Signature | None:
        """Which features the version takes, and what it puts out."""
        return self._parts.signature

    @property
    def in_force(self) -> InForce:
        """Which version deployments say was in force, and whether the prediction agrees."""
        return self._parts.in_force

    @property
    def lineage(self) -> tuple[Edge, ...]:
        """Edges from its version back to runs, commits and data."""
        return self._parts.lineage

    @property
    def approvals(self) -> tuple[dict[str, Any], ...]:
        """Who submitted, approved and promoted its version."""
        return self._parts.approvals

    @property
    def events(self) -> tuple[dict[str, Any], ...]:
        """What happened around the model within 14 days before and after."""
        return self._parts.events

    @property
    def overrides(self) -> tuple[dict[str, Any], ...]:
        """What persons changed afterwards."""
        return self._parts.overrides

    @property
    def outcome(self) -> dict[str, Any] | None:
        """The ground truth, where it arrived."""
        return self._parts.outcome

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What should be there and is not, each with its effect."""
        return self._parts.gaps

    def replay(
        self,
        limits: Limits | None = None,
        *,
        environment: Literal["present", "recorded"] = "present",
        trust: Collection[str] = (),
        trusted_types: Collection[str] = (),
        causes: bool = True,
    ) -> Replay:
        """Run the recorded inputs through the recorded artifact in a child process and compare.

        Parameters
        ----------
        limits
            What the child may use.
        environment
            ``recorded``: in the environment that the log records for this decision, built once.
        trust
            Artifacts that may run although opening them runs code: ``sha256:<digest>`` each.
        trusted_types
            Types in skops files that may be built, by name.
        causes
            Whether to look for what reproduces the record where it is not reproduced bit for bit; decisions of the
            same version around this one are replayed for that.
        """
        from audit_lab.replay.runner import Runner
        from audit_lab.replay.single import replay_decision
        from audit_lab.replay.surroundings import environment_choice

        with self._access.asking(
            "replay",
            self.place,
            environment=None if environment == "present" else environment,
            trust=[*trust, *trusted_types] or None,
        ) as answer:
            self.tell(answer)
            chosen = environment_choice(self._store, environment, self.prediction)
            runner = Runner(self._store, limits=limits, trust=trust, trusted_types=trusted_types, environments=chosen)
            return replay_decision(self._store, self._parts, runner, causes=causes)

    def explain(
        self, method: Literal["shap", "lime"] = "shap", *, seed: int = 0, limits: Limits | None = None
    ) -> Attribution:
        """Attribute the score to the recorded inputs, against a declared background of the same version's decisions.

        Raises
        ------
        ModelError
            The inputs or the artifact are missing; `code` says which.
        """
        from audit_lab.explain.of_decision import explain_decision

        with self._access.asking("explain", self.place, method=method, seed=seed) as answer:
            self.tell(answer)
            attribution = explain_decision(self._store, self._parts, method, seed=seed, limits=limits)
            answer.rows = 1 + len(attribution.background.rows)
            return attribution

    def agreement(self, *, seed: int = 0, limits: Limits | None = None) -> Agreement:
        """Put SHAP beside LIME, and each explanation of record beside the recomputed one of its method.

        Raises
        ------
        ModelError
            The inputs or the artifact are missing; `code` says which.
        """
        from audit_lab.explain.agreement import agreement_between
        from audit_lab.explain.of_decision import explain_decision

        with self._access.asking("agreement", self.place, seed=seed) as answer:
            self.tell(answer)
            shap, lime = (
                explain_decision(self._store, self._parts, method, seed=seed, limits=limits)
                for method in ("shap", "lime")
            )
            answer.rows = 1 + len(shap.background.rows)
            return agreement_between(shap, lime, self.explanations)

    def reasons(self, codes: ReasonCodes | str | Path, *, seed: int = 0, limits: Limits | None = None) -> Reasons:
        """Return up to four principal reasons of an adverse decision, in the words of reason codes.

        Parameters
        ----------
        codes
            Which feature stands for which reason: `audit_lab.explain.reasons.ReasonCodes`, or the JSON file of them.
        seed, limits
            As for `explain`, whose background the reasons are relative to.

        Raises
        ------
        MisuseError
            The codes cannot be read, or do not fit the version.
        ModelError
            The inputs or the artifact are missing, or the model does not repeat itself; `code` says which.
        """
        from audit_lab.explain.reasons import ReasonCodes, reasons_of_decision

        chosen = codes if isinstance(codes, ReasonCodes) else ReasonCodes.read(codes)
        with self._access.asking(
            "reasons", self.place, codes=chosen.version, codes_sha256=chosen.sha256, seed=seed
        ) as answer:
            self.tell(answer)
            found = reasons_of_decision(self._store, self._parts, chosen, seed=seed, limits=limits)
            answer.rows = 1 + (len(found.reference.rows) if found.reference else 0)
            return found

    def counterfactual(
        self,
        k: int = 3,
        *,
        constraints: Constraints | None = None,
        target: str | None = None,
        window: tuple[str | date | datetime | None, str | date | datetime | None] | None = None,
        between: bool = False,
        most_changes: int = 3,
        most_candidates: int = 20_000,
        limits: Limits | None = None,
        environment: Literal["present", "recorded"] = "present",
        trust: Collection[str] = (),
        trusted_types: Collection[str] = (),
        progress: Callable[[str, int], None] | None = None,
    ) -> Counterfactuals:
        """Find the nearest changes of the inputs with which the system would have decided otherwise.

        Parameters
        ----------
        k, target, between, most_changes, most_candidates, progress
            As `audit_lab.explain.counterfactual.find_counterfactuals`.
        constraints
            What may change: `audit_lab.explain.counterfactual.Constraints`; without them, every input.
        window
            In whose values count as supported, from the one moment on and before the other; before the decision where
            None, or at any time where fewer than 20 decisions were taken before it.
        limits, environment, trust, trusted_types
            As for `replay`.

        Raises
        ------
        ModelError
            The decision does not replay as recorded, or the version makes no decision; `code` says which.
        MisuseError
            A constraint cannot be meant, or a number is out of its range.
        """
        from audit_lab.explain.counterfactual import find_counterfactuals
        from audit_lab.replay.runner import Runner
        from audit_lab.replay.surroundings import environment_choice

        since, until = window or (None, None)
        with self._access.asking(
            "counterfactual",
            self.place,
            k=k,
            constraints=None if constraints is None else constraints.words(),
            target=target,
            since=since,
            until=until,
            environment=None if environment == "present" else environment,
            trust=[*trust, *trusted_types] or None,
        ) as answer:
            self.tell(answer)
            chosen = environment_choice(self._store, environment, self.prediction)
            found = find_counterfactuals(
                self._store,
                self._parts,
                Runner(self._store, limits=limits, trust=trust, trusted_types=trusted_types, environments=chosen),
                k,
                constraints=constraints,
                target=target,
                window=None if window is None else (instant(since, "since"), instant(until, "until")),
                between=between,
                most_changes=most_changes,
                most_candidates=most_candidates,
                progress=progress,
            )
            answer.rows = 1 + found.data.rows
            return found

    def comparable(
        self,
        k: int = 10,
        *,
        decided_otherwise: bool = True,
        same_version: bool = True,
        as_of: str | date | datetime | None = None,
        features: Sequence[str] | None = None,
        window: tuple[str | date | datetime | None, str | date | datetime | None] | None = None,
    ) -> Comparable:
        """Find the nearest cases that were decided otherwise, by Gower's distance over the recorded inputs.

        Parameters
        ----------
        k
            How many cases at most.
        decided_otherwise, same_version
            Whether only cases are wanted that were decided otherwise, and only those of the same version.
        as_of
            Only cases before this moment; by default before this decision, which could not know of later ones. ``any``:
            of any time.
        features
            The inputs that count; by default those that the version's signature names.
        window
            Only cases from the one moment on and before the other; either may be None.

        Raises
        ------
        ModelError
            The inputs are missing or erased, or the decision has no time or no decision; `code` says which.
        MisuseError
            A feature is not among the inputs.
        """
        from audit_lab.replay.comparable import Span, find_comparable

        since, until = window or (None, None)
        named = {"k": k, "decided_otherwise": decided_otherwise, "same_version": same_version, "as_of": as_of}
        with self._access.asking(
            "comparable", self.place, **named, features=features, since=since, until=until
        ) as answer:
            self.tell(answer)
            bound = "any" if as_of == "any" else instant(as_of, "as_of")
            span = Span(instant(since, "since"), instant(until, "until"), bound)
            found = find_comparable(
                self._store,
                self._parts,
                k,
                decided_otherwise=decided_otherwise,
                same_version=same_version,
                span=span,
                features=features,
            )
            answer.rows = 1 + found.searched
            return found

    def lineage_graph(self) -> LineageGraph:
        """Return its way back to deployments, approvals, runs, commits, data and feature sources, and what is amiss."""
        from audit_lab.replay.lineage import graph_of_prediction

        with self._access.asking("lineage", self.place) as answer:
            self.tell(answer)
            return graph_of_prediction(self._store, self.prediction)

    def tell(self, answer: Answer) -> None:
        """Say in a journal's answer which personal columns this decision is made of."""
        answer.rows = 1
        answer.touches("predictions", self.prediction)
        answer.touches(INPUTS_PREFIX, self.inputs or {})
        for row in self.outcomes:
            answer.touches("outcomes", row)
        for row in self.explanations:
            answer.touches("explanations", row)
        for row in self.overrides:
            answer.touches("overrides", row)

    def to_dict(self) -> dict[str, Any]:
        """Return the reconstruction as JSON-safe values, in the form that the panel and ``--json`` show."""
        return decision_document(self._parts)

    def __repr__(self) -> str:
        """Return what was decided, when, by which version, and the codes of its gaps."""
        row = self.prediction
        gaps = f"; gaps: {', '.join(gap.code for gap in self.gaps)}" if self.gaps else ""
        score = (row["outputs"] or {}).get("score")
        return (
            f"Decision {self.prediction_id}: {row['decision']!r} (score {score}) at {iso(row['occurred_at'])} "
            f"by {row['model_name']} {row['model_version']}{gaps}"
        )

    def _repr_html_(self) -> str:
        """Return a table of the main facts; every text from the log is escaped."""
        return decision_html(self.to_dict())
