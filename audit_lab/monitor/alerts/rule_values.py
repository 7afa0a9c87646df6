"""What a key of a rule may hold: checks that return the value as it is used, or a sentence on what it should be."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from audit_lab.errors import MisuseError
from audit_lab.log.files.printable import printable
from audit_lab.monitor.fairness.catalogue import COMPARED
from audit_lab.monitor.operations.measured import LENGTHS, SPLITS
from audit_lab.monitor.performance.catalogue import MEASURES
from audit_lab.monitor.verdict import SEVERITIES as VERDICTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["KINDS", "Key", "check_keys", "check_name", "duration_s", "named_text", "refuse", "shown"]

_LONGEST_TEXT = 500
_LONGEST_NAME = 80
_MOST_ITEMS = 1_000
_MOST_SEED = 2**32 - 1
_ENDS = 2
_DURATION = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LONGEST_S = 366 * 86_400


@dataclass(frozen=True)
class Key:
    """One key of a kind of rule: what it takes, in words, its check, and what it is when it is left out."""

    takes: str
    check: Callable[[Any], Any | None]
    default: Any = None
    is_needed: bool = False


def shown(value: Any) -> str:
    """Return foreign text or a value so that it can stand in a message."""
    return printable(value if isinstance(value, str) else repr(value))


def named_text(value: Any, longest: int = _LONGEST_TEXT) -> str | None:
    """Return a text of one line with something to see in it."""
    sound = isinstance(value, str) and 0 < len(value) <= longest and value.strip() and value.isprintable()
    return value if sound else None


def check_name(value: Any) -> str | None:
    """Return a name of a rule or of somebody to tell: up to 80 printable characters."""
    return named_text(value, _LONGEST_NAME)


def duration_s(value: Any) -> int | None:
    """Return a duration like ``30s``, ``15m``, ``2h`` or ``1d`` in seconds: at least one, at most a leap year."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    return seconds if 1 <= seconds <= _LONGEST_S else None


def _duration(value: Any) -> str | None:
    return None if duration_s(value) is None else str(value)


def _one_of(*allowed: str) -> Key:
    return Key(f"one of {', '.join(allowed)}", lambda value: value if value in allowed else None)


def _with(key: Key, default: Any) -> Key:
    return Key(key.takes, key.check, default)


def _texts(value: Any) -> list[str] | None:
    sound = isinstance(value, list) and 0 < len(value) <= _MOST_ITEMS
    return list(value) if sound and all(named_text(each) for each in value) else None


def _some_of(*allowed: str) -> Key:
    def check(value: Any) -> list[str] | None:
        found = _texts(value)
        return found if found and set(found) <= set(allowed) else None

    return Key(f"a list of some of {', '.join(allowed)}", check, list(allowed))


def _number(low: float, high: float, default: Any = None) -> Key:
    def check(value: Any) -> float | None:
        sound = isinstance(value, int | float) and not isinstance(value, bool) and low < value < high
        return float(value) if sound else None

    ends = f"between {low:g} and {high:g}" if math.isfinite(low) and math.isfinite(high) else ""
    above = f"above {low:g}" if math.isfinite(low) and not ends else ""
    return Key(" ".join(("a number", ends or above)).strip(), check, default)


def _whole(low: int, high: int, default: int) -> Key:
    def check(value: Any) -> int | None:
        return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None

    return Key(f"a whole number from {low} to {high}", check, default)


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _moment(value: Any) -> str | None:
    if isinstance(value, datetime | date):  # TOML has times of its own
        return value.isoformat()
    try:
        datetime.fromisoformat(value).replace(tzinfo=UTC)
    except (TypeError, ValueError):
        return None
    return str(value)


def _reference(value: Any) -> str | list[str] | None:
    if isinstance(value, list):
        ends = [_moment(each) for each in value]
        return [end for end in ends if end] if len(ends) == _ENDS and all(ends) else None
    return named_text(value)


def _bands(value: Any) -> dict[str, list[float]] | None:
    if not isinstance(value, dict) or not 0 < len(value) <= _MOST_ITEMS:
        return None
    edge = _number(-math.inf, math.inf).check
    found = {}
    for name, edges in value.items():
        if not named_text(name) or not isinstance(edges, list) or not edges:
            return None
        numbers = [edge(each) for each in edges]
        if None in numbers:
            return None
        found[name] = [float(each) for each in edges]
    return found


_EVERY = _one_of(*LENGTHS)
_COLUMNS = Key("a list of names", _texts)
_NUMBER = _number(-math.inf, math.inf)
_SHARE = _number(0, 1)
_SEED = _whole(0, _MOST_SEED, 0)
_ZONE = Key("an IANA zone, like Europe/Zurich", named_text, "UTC")
_FLAG = Key("true or false", _flag, default=False)
_TEXT = Key("text on one line", named_text)
_REFERENCE = Key('[from, to], "rolling:4" or the path of a Parquet file', _reference)
_DRIFT = {
    "columns": _COLUMNS,
    "every": _with(_one_of(*LENGTHS, "version"), "1w"),
    "reference": _REFERENCE,
    "zone": _ZONE,
    "partial": _FLAG,
}

#: Each kind of rule and its own keys. docs/watch.md says when each fires.
KINDS: dict[str, dict[str, Key]] = {
    "drift": {
        **_DRIFT,
        "at_least": _with(_one_of(*VERDICTS[1:]), "moderate"),
        "false_alarms": _number(0, 1, 0.05),
        "seed": _SEED,
    },
    "drift together": {
        **_DRIFT,
        "at_least": _with(_one_of("slight", "moderate"), "moderate"),
        "false_alarms": _number(0, 1, 0.05),
        "seed": _SEED,
    },
    "volume": {**_DRIFT, "every": _with(_EVERY, "1w"), "below": _SHARE, "above": _number(1, math.inf)},
    "silence": {"longer_than": Key("a duration, like 30m, 2h or 1d", _duration, is_needed=True)},
    "operations": {
        "findings": _some_of("failed-predictions", "error-rate", "latency", "failed-job"),
        "every": _with(_EVERY, "1d"),
        "by": _with(_one_of(*SPLITS), "version"),
        "zone": _ZONE,
    },
    "onset": {
        "columns": _COLUMNS,
        "every": _with(_one_of("1h", "1d"), "1d"),
        "zone": _ZONE,
        "reference": _REFERENCE,
        "seed": _SEED,
    },
    "performance": {
        "measure": Key(f"one of {', '.join(MEASURES)}", _one_of(*MEASURES).check, is_needed=True),
        "of": _with(_one_of("score", "label", "decision", "final decision", "outcome"), "score"),
        "below": _NUMBER,
        "above": _NUMBER,
        "every": _with(_EVERY, "1mo"),
        "by_version": _FLAG,
        "estimates": _FLAG,
        "positive": _TEXT,
    },
    "fairness": {
        "groups": Key("a list of columns or expressions", _texts, is_needed=True),
        "favourable": Key("text on one line", named_text, is_needed=True),
        "measure": _with(_one_of(*COMPARED), "demographic_parity_ratio"),
        "below": _NUMBER,
        "above": _NUMBER,
        "qualified": _TEXT,
        "of": _with(_one_of("final decision", "decision", "label"), "final decision"),
        "bands": Key("a table of columns to edges, like {age = [25, 40]}", _bands),
        "every": _EVERY,
        "minimum": _whole(5, 1_000_000, 10),
    },
    "coverage": {
        "of": _with(_one_of("replayable", "reconstructable"), "replayable"),
        "below": Key("a number between 0 and 1", lambda value: 1.0 if value == 1 else _SHARE.check(value), 1.0),
        "every": _with(_one_of("1d", "1w", "1mo"), "1w"),
    },
    "integrity": {"require_anchor": _FLAG, "rows": Key("true or false", _flag, default=True), "trust": _TEXT},
}


def check_keys(given: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    """Refuse a table that has a key which is not known.

    Raises
    ------
    MisuseError
        It has one; the message names it, and what is known.
    """
    unknown = sorted(set(given) - set(keys))
    if unknown:
        refuse(where, f"it has an unknown key {shown(unknown[0])}", f"Known are {', '.join(keys)}.")


def refuse(where: str, what: str, next_step: str) -> NoReturn:
    """Raise the `MisuseError` about what stands somewhere."""
    raise MisuseError(f"{where}: {what}", next_step)
