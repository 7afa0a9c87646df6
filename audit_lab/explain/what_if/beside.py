"""Two rows of one version side by side: what was recorded, what takes its place, and what came of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.explain.attribution import Value
    from audit_lab.explain.what_if.state import Side
    from audit_lab.log.store import LogStore
    from audit_lab.replay.reconstruction import Reconstruction
    from audit_lab.replay.registered import Model

__all__ = ["Beside"]


@dataclass(frozen=True)
class Beside:
    """A decision of a log and its version, its recorded inputs, those that take their place, and what came of both.

    `changed` is None where the model refused the changed inputs.
    """

    store: LogStore
    decision: Reconstruction
    model: Model
    inputs: Mapping[str, Value]
    changes: Mapping[str, Value]
    original: Side
    changed: Side | None
