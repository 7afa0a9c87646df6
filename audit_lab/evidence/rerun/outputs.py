"""What two runs of a cell showed, compared by kind: texts, tables and pictures, and the numbers in them."""

from __future__ import annotations

import json
import re
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audit_lab.evidence.rerun.allowed_distance import AllowedDistance

__all__ = ["differences"]

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])")
_WHOLE = re.compile(r"[-+]?\d+")
_SHOWN = 60


def differences(
    recorded: Sequence[Mapping[str, Any]], again: Sequence[Mapping[str, Any]], allowed: AllowedDistance
) -> list[str]:
    """Return in words where the outputs of two runs differ; none where they agree.

    Parameters
    ----------
    recorded, again
        The outputs of one cell, as notebooks keep them.
    allowed
        How far two numbers may lie apart; nothing asks for equal text.
    """
    found = []
    for number, (first, second) in enumerate(zip_longest(recorded, again), start=1):
        if first is None or second is None:
            found.append(f"output {number} {'is not recorded' if first is None else 'did not come again'}")
            continue
        where = f"output {number}"
        if first.get("output_type") != second.get("output_type") or first.get("name") != second.get("name"):
            found.append(f"{where} is of another kind")
            continue
        before, after = _parts(first), _parts(second)
        for kind in sorted(before.keys() | after.keys()):
            if kind not in before or kind not in after:
                found.append(f"{where}, {kind}: {'not recorded' if kind not in before else 'did not come again'}")
            elif (what := _difference(before[kind], after[kind], None if _is_bytes(kind) else allowed)) is not None:
                found.append(f"{where}, {kind}: {what}")
    return found


def text_difference(recorded: str, now: str, allowed: AllowedDistance) -> str | None:
    """Return in words where a text of two runs differs; None where it agrees."""
    return _difference(recorded, now, allowed)


def _parts(output: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an output shows, by kind."""
    kinds = {key: output[key] for key in ("text", "ename", "evalue", "execution_count") if key in output}
    metadata = {"metadata": output["metadata"]} if output.get("metadata") else {}
    return {**kinds, **metadata, **output.get("data", {})}


def _is_bytes(kind: str) -> bool:
    """Whether what stands there is bytes written as text, in which no digit is a number."""
    return kind.startswith(("image/", "audio/", "video/", "application/pdf")) and not kind.endswith("+xml")


def _difference(first: Any, second: Any, allowed: AllowedDistance | None) -> str | None:
    before, after = _text(first), _text(second)
    if before == after:
        return None
    if allowed is not None and (allowed.absolute or allowed.relative) and _within(before, after, allowed):
        return None
    at = next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), -1)
    at = min(len(before), len(after)) if at < 0 else at
    start = max(0, at - _SHOWN // 3)
    recorded, shown = before[start : at + _SHOWN], after[start : at + _SHOWN]
    return f"recorded {recorded!r}, now {shown!r} (from character {at})"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _within(before: str, after: str, allowed: AllowedDistance) -> bool:
    if _NUMBER.split(before) != _NUMBER.split(after):
        return False
    pairs = zip(_NUMBER.findall(before), _NUMBER.findall(after), strict=True)
    return all(one == other or _near(one, other, allowed) for one, other in pairs)


def _near(recorded: str, now: str, allowed: AllowedDistance) -> bool:
    """Whether two numbers are near enough; a share of a whole number, which may be a count, allows nothing."""
    share = 0.0 if _WHOLE.fullmatch(recorded) and _WHOLE.fullmatch(now) else allowed.relative
    return abs(float(recorded) - float(now)) <= max(allowed.absolute, share * abs(float(recorded)))
