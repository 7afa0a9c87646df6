"""An explanation of record: what is kept for good of why a decision came out as it did."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

from audit_lab.capture.life.rows import written
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from audit_lab.log.writing.receipt import Receipt

__all__ = ["record_explanation"]


class _Attribution(Protocol):
    """What `audit_lab.explain` computes."""

    @property
    def prediction_id(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def contributions(self) -> Sequence[Any]: ...
    @property
    def base_value(self) -> float: ...
    @property
    def background(self) -> Any: ...
    @property
    def seed(self) -> int: ...
    @property
    def library(self) -> str: ...
    @property
    def library_version(self) -> str: ...


def record_explanation(
    log: str | Path,
    prediction_id: str,
    explanation: _Attribution | Mapping[str, Any],
    *,
    vault: str | Path | None = None,
    passphrase: bytes | str | None = None,
) -> Receipt:
    """Record why a decision came out as it did: one that was left for later, or that was given to somebody.

    Parameters
    ----------
    log, vault, passphrase
        As for `record_dataset`.
    prediction_id
        Which decision.
    explanation
        What ``log.decision(id).explain()`` returned; or a mapping with ``method``, ``values`` (feature to number, in
        the units of the output), ``base_value``, ``background_sha256``, ``seed``, ``versions`` and ``supersedes``.

    Raises
    ------
    MisuseError
        It is of another decision, has no method or no values, or a value of another type.
    """
    said = _of_attribution(explanation) if hasattr(explanation, "contributions") else dict(explanation)
    if said.setdefault("prediction_id", prediction_id) != prediction_id:
        message = f"the explanation is of {str(said['prediction_id'])[:80]}, not of {prediction_id[:80]}"
        raise MisuseError(message, "Record it for its own decision.")
    values = said.get("values")
    if not isinstance(values, dict) or not values or not all(_is_number(value) for value in values.values()):
        raise MisuseError(
            f"the explanation of {prediction_id[:80]} has no finite number for each feature", 'Give {"income": 0.25}.'
        )
    with written(log, vault=vault, passphrase=passphrase) as writing:
        return writing.append({"explanations": [said]})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _of_attribution(found: Any) -> dict[str, Any]:
    return {
        "prediction_id": found.prediction_id,
        "method": found.method,
        "values": {each.feature: each.contribution for each in found.contributions},
        "base_value": found.base_value,
        "background_sha256": found.background.sha256,
        "seed": found.seed,
        "versions": {found.library: found.library_version},
    }
