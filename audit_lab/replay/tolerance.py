"""How far apart two outputs may be and still count as the same answer; stated for each kind of output."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["DEFAULT_TOLERANCES", "Tolerance", "declared_tolerance", "registered_tolerance", "tolerance_of"]

#: Kinds whose scores are on the scale that a sealed log's one number is meant for.
_PROBABILITIES = ("probability", "multiclass")


@dataclass(frozen=True)
class Tolerance:
    """The largest difference that counts as the same answer: ``absolute``, or ``relative`` times the recorded value.

    Parameters
    ----------
    kind
        The kind of output that it is for.
    absolute, relative
        The larger of the two bounds counts. Both zero: only the same value is the same answer.
    source
        Who set it: the default of this version of audit_lab, or the registry row of the model version.
    """

    kind: str
    absolute: float
    relative: float
    source: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        return {"kind": self.kind, "absolute": self.absolute, "relative": self.relative, "source": self.source}

    def __str__(self) -> str:
        """Return it in words."""
        bounds = []
        if self.absolute or not self.relative:
            bounds.append(f"{self.absolute:g}")
        if self.relative:
            bounds.append(f"{self.relative:g} of the recorded value")
        return f"{' or '.join(bounds)} ({self.source})"


def _default(kind: str, absolute: float, relative: float) -> Tolerance:
    return Tolerance(kind, absolute, relative, f"default for {kind}")


#: By kind of output. A probability: about sixteen steps of a 32-bit float near one, which is what another processor or
#: thread count may change, and far below what moves a decision. A margin: what changes a probability by at most that,
#: since the slope of the logistic function is at most a quarter. A regression: as much, of the value. A label: none.
DEFAULT_TOLERANCES: dict[str, Tolerance] = {
    tolerance.kind: tolerance
    for tolerance in (
        _default("probability", 1e-6, 0.0),
        _default("multiclass", 1e-6, 0.0),
        _default("margin", 4e-6, 1e-6),
        _default("regression", 0.0, 1e-6),
        _default("label", 0.0, 0.0),
    )
}


def declared_tolerance(store: LogStore) -> float | None:
    """Return the distance of two scores that a sealed log declared in its first entry, before any decision.

    None for a log that is not sealed, and where the entry cannot be read, which a verification names.
    """
    from audit_lab.errors import AuditLabError
    from audit_lab.log.index.shelf import derived
    from audit_lab.log.tree.tree_file import LogTree
    from audit_lab.seal.entry import parse_entry
    from audit_lab.seal.malformed import MalformedError

    def read() -> float | None:
        try:
            (content,) = LogTree(store.folder, store.origin).entries(0, 1)
            bound = float(getattr(parse_entry(content), "tolerance", "nan"))
        except (AuditLabError, MalformedError, ValueError):
            return None
        return bound if math.isfinite(bound) and bound >= 0 else None

    return None if store.checkpoint is None else derived(store, "declared tolerance", (), read)


def tolerance_of(signature: str | None, kind: str, declared_by_log: float | None = None) -> Tolerance:
    """Return the tolerance that a registry row declares in its signature's output, else the log's, else the default.

    Parameters
    ----------
    signature
        The registry's JSON, which may have ``{"output": {"tolerance": {"absolute": ..., "relative": ...}}}``: declared
        with the version, and in a sealed log before any of its decisions.
    kind
        The kind of output.
    declared_by_log
        What a sealed log declares for scores (`declared_tolerance`); it holds for probabilities, other kinds have a
        scale of their own.

    Raises
    ------
    ValueError
        What is declared is not two finite numbers of zero or more.
    """
    default, declared = DEFAULT_TOLERANCES[kind], registered_tolerance(signature)
    if declared is not None:
        return Tolerance(kind, *declared, "declared in the registry")
    if declared_by_log is None or kind not in _PROBABILITIES:
        return default
    return Tolerance(kind, declared_by_log, 0.0, "declared when the log was sealed")


def registered_tolerance(signature: str | None) -> tuple[float, float] | None:
    """Return the absolute and the relative bound that a registry row declares, or None where it declares none.

    Raises
    ------
    ValueError
        What is declared is not two finite numbers of zero or more.
    """
    declared = json.loads(signature or "{}").get("output", {}).get("tolerance")
    if declared is None:
        return None
    bounds = [declared.get(name, 0.0) for name in ("absolute", "relative")]
    if not all(isinstance(each, int | float) and math.isfinite(each) and each >= 0 for each in bounds):
        raise ValueError(f"the tolerance {declared!r} is not made of finite numbers of zero or more")
    return float(bounds[0]), float(bounds[1])
