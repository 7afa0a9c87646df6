"""A small log of loans, and what its model, threshold and rule make of a row by the library's own call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import audit_lab as al

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from audit_lab.explain.what_if import WhatIf
    from audit_lab.face import Decision

CITIES = ("Bern", "Oslo", "Rome")


@dataclass(frozen=True)
class Loans:
    """A folder with forty loans, and what the bare library gives for a row: score and decision."""

    folder: Path
    bare: Callable[..., tuple[float, str]]

    def decision(self, number: int = 30) -> Decision:
        return al.open(self.folder).decision(f"p-{number:03d}")

    def ask(self, changes: dict[str, Any] | None = None, number: int = 30, **asked: Any) -> WhatIf:
        return self.decision(number).what_if(changes, **{"explain": None, **asked})


@pytest.fixture
def bare(small_model) -> Callable[..., tuple[float, str]]:
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(small_model.artifact))

    def scores(rows: list[dict[str, Any]]) -> np.ndarray:
        values = [
            [row["income"], CITIES.index(row["city"]) if row["city"] in CITIES else None, row["years"]] for row in rows
        ]
        matrix = np.array(values, dtype=np.float32)
        return booster.predict(xgboost.DMatrix(matrix, feature_names=["income", "city", "years"]))

    def score(row: dict[str, Any], **changes: Any) -> tuple[float, str]:
        row = {**row, **changes}
        found = float(scores([row])[0])
        ruled = row["years"] is not None and row["years"] < 2
        return found, "deny" if ruled or found >= 0.5 else "approve"

    score.of_rows = scores
    return score


@pytest.fixture
def loans(make_log, bare) -> Loans:
    return Loans(make_log(), bare)
