"""`Decision`: one prediction, reconstructed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from audit_lab.face.answered import Answered
from audit_lab.face.document import decision_document, decision_html, iso
from audit_lab.log.search.query import instant
from audit_lab.seal.hidden_letters import spelling, spelling_text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from audit_lab.face.decisions import Decisions
    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.source_rows import SourceRows
    from audit_lab.replay.comparable_cases import Comparable
    from audit_lab.replay.lineage import Edge, LineageGraph
    from audit_lab.replay.reconstruction import Gap
    from audit_lab.replay.registry import InForce
    from audit_lab.replay.signature import Signature
    from audit_lab.replay.verdict import Replay
    from audit_lab.sandbox import Limits

__all__ = ["Decision"]


class Decision(Answered):
    """One prediction, reconstructed: its row, inputs, version, lineage, events, outcome and gaps."""

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
            return replace(found, decisions_of=self._others)

    def source_rows(self, vault: Vault | Path | str | None = None) -> SourceRows:
        """Return the stored rows behind it: file, row, every value's canonical bytes, and the leaf as it was sealed.

        Parameters
        ----------
        vault
            The log's vault, or its folder; its usual place by default. Without one the leaves of rows that are
            committed to field by field are shown, and not recomputed.

        Raises
        ------
        LogError
            A row cannot be read any more.
        """
        from pathlib import Path

        from audit_lab.log.source_rows import source_rows

        with self._access.asking("source rows", self.place) as answer:
            self.tell(answer)
            found = source_rows(self._store, self.place, Path(vault) if isinstance(vault, str) else vault)
            for each in found.rows:
                answer.touches(each.table, [one.column for one in each.values])
            return found

    def _others(self, names: Sequence[str]) -> Decisions:
        """Reconstruct other decisions of the same log, named by ids or places."""
        from audit_lab.face.asked_for import AskedFor
        from audit_lab.face.decisions import decisions_asked

        return decisions_asked(self._store, AskedFor(names), self._access)

    def lineage_graph(self) -> LineageGraph:
        """Return its way back to deployments, approvals, runs, commits, data and feature sources, and what is amiss."""
        from audit_lab.replay.lineage import graph_of_prediction

        with self._access.asking("lineage", self.place) as answer:
            self.tell(answer)
            return graph_of_prediction(self._store, self._parts.judged)

    def to_dict(self) -> dict[str, Any]:
        """Return the reconstruction as JSON-safe values, in the form that the panel and ``--json`` show."""
        return decision_document(self._parts)

    @spelling_text
    def __repr__(self) -> str:
        """Return what was decided, when, by which version, and the codes of its gaps."""
        row = self.prediction
        gaps = f"; gaps: {', '.join(gap.code for gap in self.gaps)}" if self.gaps else ""
        score = (row["outputs"] or {}).get("score")
        return (
            f"Decision {self.prediction_id}: {row['decision']!r} (score {score}) at {iso(row['occurred_at'])} "
            f"by {row['model_name']} {self._parts.version}{gaps}"
        )

    @spelling
    def _repr_html_(self) -> str:
        """Return a table of the main facts; every text from the log is escaped."""
        return decision_html(self.to_dict())
