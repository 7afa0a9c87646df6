"""A registered model version, ready to run: its registry row, signature, rules and checked artifact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.errors import ModelError
from audit_lab.replay.artifacts.reading import read_artifact
from audit_lab.replay.decision_rules import check_rules, parse_rules
from audit_lab.replay.registration import registered_row
from audit_lab.replay.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from audit_lab.log.store import LogStore
    from audit_lab.replay.artifacts.artifact import Artifact
    from audit_lab.replay.decision_rules import Rule
    from audit_lab.replay.reconstruction import Reconstruction

__all__ = ["Model", "load_judged", "load_registered"]

#: What can be done about a prediction that does not state what it is of.
_STATE_IT = {
    "model-not-stated": "Ask the writer's owner; where a column says it, name that column in the mapping.",
    "version-not-stated": "Where exactly one version was in force, record its deployment (al.record_deployment, "
    "audit-lab record deployment): the version follows from that. Else ask the writer's owner, and say the version "
    "when the log is taken over (--version, version=..., or a column of the mapping).",
}


@dataclass(frozen=True)
class Model:
    """A version's registry row, signature, decision rules and artifact, each checked.

    `trusted_types` are types in skops files that the user allowed by name.
    """

    version: dict[str, Any]
    signature: Signature
    rules: tuple[Rule, ...]
    artifact: Artifact
    trusted_types: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Model and version in one, for messages."""
        return f"{self.version['model_name']} {self.version['model_version']}"


def load_registered(
    store: LogStore,
    model_name: str | None,
    model_version: str | None,
    *,
    at: datetime | None = None,
    trust: Collection[str] = (),
    trusted_types: Collection[str] = (),
) -> Model:
    """Return a version as the registry has it, its artifact's digest checked.

    Parameters
    ----------
    store, model_name, model_version
        The log, and what a prediction states.
    at
        The time of the decision: it is judged by the registry row that was known then, where a later row corrects it.
        By the row that stands now when None.
    trust
        Artifacts that may run although opening them runs code: ``sha256:<digest>`` each.
    trusted_types
        Types in skops files that may be built, by name.

    Raises
    ------
    ModelError
        With the code of the first thing that is wanting; see `audit_lab.replay.verdict.EFFECTS`.
    """
    if model_name is None or model_version is None:
        what, code = ("version", "version-not-stated") if model_name is not None else ("model", "model-not-stated")
        raise ModelError(
            f"the prediction does not state its {what}",
            _STATE_IT[code],
            code,
        )
    name = f"{model_name} {model_version}"
    version, _ = registered_row(store, model_name, model_version, at)
    signature = Signature.parse(version["signature"], name)
    artifact = read_artifact(store, version, trust=trust)
    rules = parse_rules(version["decision_rules"], name)
    check_rules(rules, signature, name)
    return Model(version, signature, rules, artifact, tuple(sorted(trusted_types)))


def load_judged(
    store: LogStore, decision: Reconstruction, *, trust: Collection[str] = (), trusted_types: Collection[str] = ()
) -> Model:
    """Return the version of a decision as the registry had it then: the stated one, or the one that is followed.

    Raises
    ------
    ModelError
        As `load_registered`; where no version is stated, it says what the deployments of that moment have.
    """
    row = decision.judged
    try:
        return load_registered(
            store,
            row["model_name"],
            row["model_version"],
            at=row["occurred_at"],
            trust=trust,
            trusted_types=trusted_types,
        )
    except ModelError as error:
        if decision.followed is None or decision.version is not None:
            raise
        raise ModelError(
            f"{error.message}. {decision.followed.said.rstrip('.')}", error.next_step, error.code
        ) from error
