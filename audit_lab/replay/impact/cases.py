"""The case of each prediction: what was decided of it, what is decided under a correction, or why neither is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.replay.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AFTER", "CASES", "GROUP", "STAGES", "Labels", "told"]

#: What the name of a column that cases are grouped by begins with.
GROUP = "group."

#: One row for each prediction. `stage` and `code` say why it is not decided, and are null where it is. `is_touched`:
#: the correction changes what the model is given, or which model.
CASES = pl.Schema(
    {
        "prediction_id": pl.String(),
        "place": pl.String(),
        "occurred_at": pl.Datetime("us", "UTC"),
        "model_name": pl.String(),
        "model_version": pl.String(),
        "subject_id": pl.String(),
        "stage": pl.String(),
        "code": pl.String(),
        "detail": pl.String(),
        "is_touched": pl.Boolean(),
        "score_before": pl.Float64(),
        "score_after": pl.Float64(),
        "label_before": pl.String(),
        "label_after": pl.String(),
        "rule_before": pl.String(),
        "rule_after": pl.String(),
        "decision_recorded": pl.String(),
        "decision_before": pl.String(),
        "decision_after": pl.String(),
    }
)

#: Where predictions fall out, and what that means.
STAGES = {
    "record": "they cannot be replayed",
    "replay": "their replay is not what was recorded, so that no difference can be put down to the correction",
    "correction": "they cannot be decided under the correction",
}

#: What is known of a prediction under a correction: why it is not decided, or what is.
AFTER = pl.Schema(
    {
        "after_code": pl.String(),
        "after_detail": pl.String(),
        "is_touched": pl.Boolean(),
        "after_score": pl.Float64(),
        "after_label": pl.String(),
        "after_rule": pl.String(),
        "after_decision": pl.String(),
    }
)

_OUTCOME = ("score", "label", "rule", "decision")


@dataclass(frozen=True)
class Labels:
    """Which columns of recorded rows name what cases are grouped by, and their subjects.

    Parameters
    ----------
    groups
        Name of a group to its column; where rows lack the column, they have no value.
    subject
        The column of the subject's pseudonym; None where subjects are not wanted.
    """

    groups: Mapping[str, str]
    subject: str | None = None

    @cached_property
    def schema(self) -> pl.Schema:
        """`CASES` with a text column for each group."""
        return pl.Schema({**CASES, **{GROUP + name: pl.String() for name in self.groups}})

    def of(self, rows: pl.DataFrame) -> list[pl.Series]:
        """Return subject and groups of recorded rows, as texts."""
        named = {GROUP + name: column for name, column in self.groups.items()}
        if self.subject is not None:
            named["subject_id"] = self.subject
        return [
            rows[column].cast(pl.String).alias(name)
            if column in rows.columns
            else pl.Series(name, [None] * rows.height, dtype=pl.String)
            for name, column in named.items()
        ]


def told(beside: pl.DataFrame, rows: pl.DataFrame, labels: Labels) -> pl.DataFrame:
    """Return the cases of recorded rows.

    Parameters
    ----------
    beside
        `audit_lab.replay.runner.RESULT_SCHEMA` and `AFTER`, in the order of `rows`.
    rows
        What was recorded.
    labels
        Which of its columns name groups and subjects.
    """
    reproduced = pl.col("verdict").is_in([str(Verdict.EXACT), str(Verdict.WITHIN_TOLERANCE)])
    record, replay, correction = (pl.lit(stage) for stage in STAGES)
    stage = pl.when(pl.col("verdict") == str(Verdict.UNREPLAYABLE)).then(record).when(~reproduced).then(replay)
    staged = beside.with_columns(
        stage=stage.when(pl.col("after_code").is_not_null()).then(correction),
        code=pl.when(reproduced).then("after_code").otherwise("code"),
        detail=pl.when(reproduced).then("after_detail").otherwise("detail"),
        is_touched=pl.col("is_touched").fill_null(value=False),
    )
    decided = pl.col("stage").is_null()
    renamed = {f"{name}_before": pl.col(f"replayed_{name}") for name in _OUTCOME}
    renamed |= {f"{name}_after": pl.when(decided).then(f"after_{name}") for name in _OUTCOME}
    renamed |= {"decision_recorded": pl.col("recorded_decision"), "subject_id": pl.lit(None, dtype=pl.String)}
    own = staged.select(renamed.get(name, pl.col(name)).alias(name) for name in CASES)
    return own.with_columns(labels.of(rows)).select(labels.schema.names())
