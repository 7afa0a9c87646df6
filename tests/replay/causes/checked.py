"""Ask a faulty log for the causes of what went wrong in it, and compare the answers with the truth."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

import audit_lab as al

sys.path.insert(0, str(Path(__file__).parent))
from faulty_log import faulty_log
from identifiable import PIPELINES
from impossible import CAUSES, IMPOSSIBLE_CAUSES

if TYPE_CHECKING:
    from faults import Truth
    from faulty_log import FaultyLog

    from audit_lab.replay.causes.cause import Cause, Explanation

__all__ = ["check", "check_ways", "right"]


def right(truth: Truth, found: Explanation) -> bool:
    """Return whether an explanation says what is true first, or, of what is in no list, that it is not explained."""
    if truth.kind is None:
        return not found.causes and found.statement.startswith("Not explained")
    if not found.causes or not found.statement.startswith("Explained"):
        return False
    first = found.causes[0]
    return (first.kind, first.feature) == (truth.kind, truth.feature) and _has_value(truth.value, first)


def _has_value(value: str | float | None, cause: Cause) -> bool:
    if isinstance(value, float):  # a threshold that was inferred, of which nothing but bounds can be known
        above, most = map(float, re.findall(r"-?[\d.]+(?:e-?\d+)?", cause.value))
        return above < value <= most
    return value in (cause.value, *cause.alternatives)


def check(folder: Path, artifact_format: str, kind: str, seed: int, *, strangers: int | None = None) -> dict[str, str]:
    """Return what was said of each block; fails where any of it is wrong, or where a cause is not there.

    Parameters
    ----------
    folder, artifact_format, kind, seed, strangers
        As `faulty_log.faulty_log` takes them.
    """
    made = faulty_log(folder, artifact_format, kind, seed, strangers=strangers)
    absent = {cause for cause, other in IMPOSSIBLE_CAUSES if other == kind}
    assert {truth.kind for truth in made.blocks.values()} - {None} == set(CAUSES) - absent
    return _asked(made, seed)


def check_ways(folder: Path, artifact_format: str, seed: int, spelling: tuple[str, str]) -> dict[str, str]:
    """Return what was said of each way of each cause; fails where any of it is wrong."""
    return _asked(
        faulty_log(folder, artifact_format, "probability", seed, strangers=0, spelling=spelling, every_way=True), seed
    )


def _asked(made: FaultyLog, seed: int) -> dict[str, str]:
    log = al.open(made.folder)
    how = {"trusted_types": made.trusted_types, "trust": made.trust}
    batch = log.replay(**how, causes=False)
    said, wrong = {}, {}
    for name, truth in made.blocks.items():
        rows = batch.rows.filter(pl.col("prediction_id").str.replace(r"-\d+$", "") == name)
        assert set(rows["verdict"]) <= {"EXACT", "WITHIN_TOLERANCE", "DIVERGED"}, (name, set(rows["code"]))
        if name == "clean":
            # A product of matrices may be rounded otherwise where there are more rows; nothing else may part.
            by_matrices = made.kind == "multiclass" and made.artifact_format in PIPELINES
            assert set(rows["verdict"]) <= {"EXACT", *(["WITHIN_TOLERANCE"] if by_matrices else [])}
            continue
        # A row alone may differ from a batch in its last bits, so one that diverged is asked for where there is one.
        otherwise = rows.filter(rows["verdict"] == "DIVERGED").sort("prediction_id")
        if otherwise.is_empty():
            otherwise = rows.filter(rows["verdict"] != "EXACT").sort("prediction_id")
        found = None
        for asked in otherwise["prediction_id"][seed % max(1, otherwise.height) :][:5]:
            found = found or log.decision(asked).replay(**how).explanation
        assert found is not None, (name, otherwise.height)
        said[name] = found.statement
        if not right(truth, found):
            wrong[name] = f"{truth}: {otherwise.height} {sorted(set(otherwise['code']))}: {found.statement[:600]}"
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())
    return said
