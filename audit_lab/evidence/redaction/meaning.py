"""What the members of exhibits mean: which name a column, which hold a value of it, and which were computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "NAMING",
    "NOT_RECORDED",
    "entry_column",
    "is_shown_beside",
    "naming_members",
    "recorded_members",
    "shown_name",
]

#: Members and columns that name a column of the log; what stands beside it in the same entry or row is about that.
NAMING = ("feature", "column", "name")
#: Members that hold by column what was asked for or computed, and nothing that was recorded.
NOT_RECORDED = frozenset({"changes", "values", "contributions", "distinct_values"})

_PREFIX = "inputs."
#: Which of them hold what was recorded, the surest first; a value beside a recorded one is that of a state made up.
_RECORDED = (("recorded",), ("this", "other"), ("before",), ("value",))
#: What may stand beside the name of a withheld column. Whatever is not listed may hold a value, and is withheld.
_PLACES = frozenset(
    {
        "prediction_id",
        "place",
        "occurred_at",
        "model",
        "model_name",
        "model_version",
        "version",
        "window",
        "window_start",
        "window_end",
        "first_seen",
        "last_seen",
        "raised_at",
        "at",
        "earliest",
        "latest",
        "since",
        "until",
        "returned",
        "onset",
        "id",
        "alert",
        "event",
        "rule",
        "severity",
        "state",
        "unit",
        "kind",
        "measure",
        "statistic",
        "rank",
        "bin",
        "side",
        "verdict",
        "digest",
        "query",
        "what",
        "why",
        "passed",
        "detail",
    }
)
_COMPUTED = frozenset(
    {
        "contribution",
        "changed_contribution",
        "part",
        "rows",
        "reference_rows",
        "before_rows",
        "after_rows",
        "windows",
        "psi",
        "psi_noise",
        "js_distance",
        "hellinger",
        "total_variation",
        "ks",
        "ks_p_value",
        "wasserstein_scaled",
        "chi_square",
        "p_value",
        "q_value",
        "missing_rate",
        "missing_change",
        "missing",
        "out_of_range",
        "type_violations",
        "new_share",
        "violations",
        "exceeds",
        "deviations",
        "mean_magnitude",
        "mean",
        "mean_low",
        "mean_high",
        "group_mean",
        "reference_mean",
        "spread",
        "least",
        "most",
        "raised",
        "lowered",
        "group_size",
        "reference_size",
        "size",
        "size_low",
        "size_high",
        "attribution",
        "attribution_low",
        "attribution_high",
        "reweighting",
        "reweighting_low",
        "reweighting_high",
        "exchange",
        "exchange_low",
        "exchange_high",
        "exchange_into",
        "exchange_out_of",
        "effective_rows",
        "unsupported",
        "uncovered",
        "change",
        "nan",
        "infinite",
    }
)


def shown_name(name: str) -> str:
    """Return the name of a column as the log has it: exhibits may write the input ``x`` as ``inputs.x``."""
    return name.removeprefix(_PREFIX)


def naming_members(names: Iterable[str]) -> list[str]:
    """Return which members or columns name a column of the log."""
    return [name for name in names if name in NAMING]


def is_shown_beside(member: str, value: Any = "") -> bool:
    """Whether a member may stand beside the name of a withheld column: it holds no value of it."""
    return value is None or isinstance(value, bool) or member in NAMING or member in _PLACES or member in _COMPUTED


def recorded_members(names: Iterable[str]) -> tuple[str, ...]:
    """Return which members or columns of an entry about a column hold what was recorded."""
    there = set(names)
    return next((found for each in _RECORDED if (found := tuple(name for name in each if name in there))), ())


def entry_column(entry: Mapping[str, Any]) -> str:
    """Return the column that an entry of a document names; empty where it names none."""
    return next((shown_name(entry[name]) for name in NAMING if isinstance(entry.get(name), str)), "")
