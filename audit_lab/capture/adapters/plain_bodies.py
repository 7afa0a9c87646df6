"""The commonest bodies, many at once: one instance of plain values, and one answer.

Whatever is made here is what `audit_lab.capture.adapters.bodies.decode_exchange` makes of each, or nothing is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from audit_lab.capture.adapters.block import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.capture.adapters.settings import Settings

__all__ = ["plain_table"]

_PLAIN = frozenset({float, int, str, bool, type(None)})
_LONGEST = 1_000_000
#: What numbers in JSON, and lists of them, are written with; brackets, quotes and ends of lines are not among it.
_OF_NUMBERS = b"0123456789+-.eE, \t"


class _InstancesAlone(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    instances: list[dict[str, Any]]


class _PredictionsAlone(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    predictions: list[Any]


_instances = msgspec.json.Decoder(_InstancesAlone).decode
_predictions = msgspec.json.Decoder(_PredictionsAlone).decode
_rows = msgspec.json.Decoder(list[list[Any]]).decode


def plain_table(requests: Sequence[bytes], responses: Sequence[bytes], settings: Settings) -> Table | None:
    """Return what bodies hold that are all of the same features, each with one instance and one answer, or None.

    Parameters
    ----------
    requests, responses
        The bodies, as many of the ones as of the others.
    settings
        Features that are declared to be texts are read one by one.
    """
    longest = max(map(len, requests), default=0), max(map(len, responses), default=0)
    if settings.texts or not 0 < min(longest) <= max(longest) <= _LONGEST:
        return None
    try:
        is_json = requests[0][:1] == b"{" and responses[0][:1] == b"{"
        return _of_json(requests, responses) if is_json else _of_csv(requests, responses)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _of_csv(requests: Sequence[bytes], responses: Sequence[bytes]) -> Table | None:
    rows, answers = _lists(requests), _lists(responses)
    if rows is None or answers is None or set(map(len, answers)) != {1} or len(set(map(len, rows))) != 1:
        return None
    columns = list(zip(*rows, strict=True))
    return Table(None, columns, [each[0] for each in answers]) if columns else None


def _lists(texts: Sequence[bytes]) -> list[list[Any]] | None:
    """Return the numbers of each text that has nothing but numbers with commas between them.

    What such a text is made of cannot close a bracket, so that all of them together are JSON just when each is.
    """
    lines = [text.strip() for text in texts]
    if b"\n".join(lines).translate(None, _OF_NUMBERS) != b"\n" * (len(lines) - 1):
        return None
    return _rows(b"[[" + b"],[".join(lines) + b"]]")


def _of_json(requests: Sequence[bytes], responses: Sequence[bytes]) -> Table | None:
    asked = [each.instances for each in map(_instances, requests)]
    answered = [each.predictions for each in map(_predictions, responses)]
    if set(map(len, asked)) != {1} or set(map(len, answered)) != {1}:
        return None
    answers = [each[0] for each in answered]
    rows = [each[0] for each in asked]
    names = tuple(rows[0])
    if not names or set(map(tuple, rows)) != {names} or not _PLAIN.issuperset(map(type, answers)):
        return None
    columns = list(zip(*map(dict.values, rows), strict=True))
    plain = all(_PLAIN.issuperset(map(type, each)) for each in columns)
    return Table(names, columns, answers) if plain else None
