"""What a feature may be called: it is a column of the log, and all columns of a segment stand in one entry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.log.schema import INPUTS_PREFIX, is_pattern
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.log.unification import expected_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ROOM_BYTES", "check_feature_names", "name_fault", "room_of"]

#: So many bytes of names and types go into the entry of one segment, which has 65,535 for all that it says.
ROOM_BYTES = 60_000
_LONGEST_NAME = 1_000
_SHOWN = 80
_RESERVED = frozenset({*expected_schema(INPUTS_PREFIX), SEGMENT, ROW})
#: The longest spelling among the types of numbers and text.
_PLAIN_TYPE = "bool"


def name_fault(name: object) -> str | None:
    """Return why a feature cannot have a name; None where it can."""
    if not isinstance(name, str) or not name:
        return "is no name"
    if name in _RESERVED:
        return "is a name that the log itself uses"
    if is_pattern(name):
        return "is read as a pattern of names"
    if len(name) > _LONGEST_NAME:
        return f"is longer than {_LONGEST_NAME:,} characters"
    if "\0" in name or any("\ud800" <= character <= "\udfff" for character in name):
        return "has a character that no name can have"
    return None


def room_of(name: str, kind: str = _PLAIN_TYPE) -> int:
    """Return how many bytes a column takes in the entry of its segment.

    Parameters
    ----------
    name
        Its name.
    kind
        Its type, as the entry spells it.
    """
    return len(json.dumps([name, kind], ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")) + 1


def check_feature_names(names: Sequence[str]) -> None:
    """Check that the inputs of a model can be columns of the log.

    Raises
    ------
    MisuseError
        A name cannot be one, two are the same, or there are too many.
    """
    for name in names:
        fault = name_fault(name)
        if fault is not None:
            raise MisuseError(f"the feature {str(name)[:_SHOWN]!a} {fault}", "Give it another name.")
    if len(set(names)) != len(names):
        raise MisuseError("the features are not different names", "Give each input its own name.")
    taken = sum(map(room_of, names))
    if taken > ROOM_BYTES:
        raise MisuseError(
            f"the names of {len(names):,} features take {taken:,} bytes, and a segment has room for {ROOM_BYTES:,}",
            "Give some of them together as one feature that is a list, or shorter names.",
        )
