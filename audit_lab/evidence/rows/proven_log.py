"""The proven rows of a bundle, as what exhibits show is held against them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

__all__ = ["ProvenLog"]

_ID, _PREDICTIONS, _VERSIONS = "prediction_id", "predictions", "model_versions"
_HISTORIES = ("overrides", "outcomes", "explanations")


@dataclass(frozen=True)
class ProvenLog:
    """Rows that a bundle proves, by what they are about.

    Attributes
    ----------
    predictions, inputs
        The row of each prediction whose id occurs once among them.
    histories
        For overrides, outcomes and explanations: the rows of each prediction in order of recording. An export shows all
        that its log has of a prediction, so what an exhibit states beyond them no row bears out.
    versions
        The registrations of each model version.
    withheld
        The names of withheld columns, whatever their table: exhibits show something else in their place.
    """

    predictions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    histories: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]] = field(default_factory=dict)
    versions: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()

    @classmethod
    def of(cls, parts: Sequence[tuple[str, pl.DataFrame]], withheld: frozenset[str] = frozenset()) -> ProvenLog:
        """Return the rows of a bundle's parts: table and frame, each without what is withheld, with segment and row."""
        tables: dict[str, list[dict[str, Any]]] = {}
        for table, frame in parts:
            tables.setdefault(table, []).extend(frame.to_dicts())
        inputs = [row for table, rows in tables.items() if table.startswith(INPUTS_PREFIX) for row in rows]
        return cls(
            predictions=_single(tables.get(_PREDICTIONS, [])),
            inputs=_single(inputs),
            histories={table: _grouped(tables.get(table, [])) for table in _HISTORIES},
            versions=_registered(tables.get(_VERSIONS, [])),
            withheld=withheld,
        )

    def place(self, row: Mapping[str, Any]) -> str | None:
        """Return the place of a row of a prediction, as exhibits write it; None where it is not known."""
        if SEGMENT not in row or ROW not in row:
            return None
        return f"{row[_ID]}@{row[SEGMENT]}:{row[ROW]}"

    def final_decision(self, prediction: str) -> tuple[str | None] | None:
        """Return the decision after the last override; None where the proven rows do not say it."""
        row, overrides = self.predictions.get(prediction), self.standing("overrides", prediction)
        if row is None or overrides is None or "decision" not in row:
            return None
        if any("decision_after" not in each for each in overrides):
            return None
        changed = [each["decision_after"] for each in overrides if each["decision_after"] is not None]
        return (changed[-1] if changed else row["decision"],)

    def standing(self, table: str, prediction: str) -> Sequence[Mapping[str, Any]] | None:
        """Return what is recorded of a prediction; None where rows correct others, which only the log follows."""
        rows = self.histories.get(table, {}).get(prediction, ())
        return None if any(row.get("supersedes", "") is not None for row in rows) else rows

    def version(self, prediction: str) -> Mapping[str, Any] | None:
        """Return the registration of the version that a prediction states; None where it is not the only one."""
        row = self.predictions.get(prediction, {})
        found = self.versions.get((row.get("model_name") or "", row.get("model_version") or ""), ())
        return found[0] if len(found) == 1 and found[0].get("supersedes", "") is None else None


def _single(rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    grouped = _grouped(rows)
    return {name: found[0] for name, found in grouped.items() if len(found) == 1}


def _grouped(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if isinstance(row.get(_ID), str):
            found.setdefault(row[_ID], []).append(row)
    for history in found.values():
        if all(row.get("recorded_at") is not None for row in history):
            history.sort(key=lambda row: (row["recorded_at"], row.get(SEGMENT, ""), row.get(ROW, 0)))
    return found


def _registered(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row.get("model_name") or "", row.get("model_version") or ""), []).append(row)
    return found
