"""How far two numbers in outputs may lie apart: what was declared before the case, in the registry or with the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.files.reading import collect
from audit_lab.replay.tolerance import declared_tolerance, registered_tolerance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from audit_lab.log.store import LogStore

__all__ = ["AllowedDistance", "allowed_distance"]

_NAMES = ("model_name", "model_version", "artifact_sha256")


@dataclass(frozen=True)
class AllowedDistance:
    """The larger of two bounds counts: ``absolute``, or ``relative`` times the recorded number; both 0: equal text.

    `source` says in words who declared it; it is empty where whoever re-runs did, or nobody.
    """

    absolute: float = 0.0
    relative: float = 0.0
    source: str = ""

    def __str__(self) -> str:
        """Return it in words."""
        if not (self.absolute or self.relative):
            return "text, tables, charts and numbers exactly"
        bounds = [f"{self.absolute:g}"] if self.absolute or not self.relative else []
        bounds += [f"{self.relative:g} of the recorded number"] if self.relative else []
        said = f", which {self.source}" if self.source else ""
        return f"numbers within {' or '.join(bounds)}{said}"


def allowed_distance(store: LogStore, models: Iterable[Mapping[str, Any]]) -> AllowedDistance:
    """Return what the registry declares for the models that a case speaks of, else what the log declared at first.

    Of several models the strictest counts: nobody can tell which of them a number in an output comes from.

    Parameters
    ----------
    store
        The log as the case saw it.
    models
        Each with its ``model_name`` and ``model_version``, or the digest of its artifact.
    """
    usual = _at_first(store)
    found = [usual if each is None else each for model in models for each in _registered(store, model)]
    if not found:
        return usual
    sources = dict.fromkeys(each.source for each in found if each.source)
    strictest = min(each.absolute for each in found), min(each.relative for each in found)
    return AllowedDistance(*strictest, ", and ".join(sources))


def _at_first(store: LogStore) -> AllowedDistance:
    declared = declared_tolerance(store)
    if declared is None:
        return AllowedDistance()
    return AllowedDistance(declared, 0.0, "the log declared when it was begun")


def _registered(store: LogStore, model: Mapping[str, Any]) -> list[AllowedDistance | None]:
    """Return what each row about a version declares, None for one that declares nothing."""
    named = {each: model[each] for each in _NAMES if isinstance(model.get(each), str)}
    if not named:
        return []
    same = pl.all_horizontal(pl.col(each) == value for each, value in named.items())
    rows = collect(
        store.table("model_versions").filter(same).select("model_name", "model_version", "signature"), "the registry"
    )
    found: list[AllowedDistance | None] = []
    for name, version, signature in rows.iter_rows():
        try:
            declared = registered_tolerance(signature)
        except ValueError:
            declared = (0.0, 0.0)  # somebody declared what cannot be read: nothing is allowed because of it
        found.append(declared and AllowedDistance(*declared, f"the registry declares for {name} {version}"))
    return found or [None]
