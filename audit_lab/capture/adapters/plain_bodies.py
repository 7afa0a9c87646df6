"""The commonest bodies, many at once: one instance of plain values, and one answer.

Whatever is made here is what `audit_lab.capture.adapters.bodies.decode_exchange` makes of each, or nothing is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from audit_lab.capture.adapters.block import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.capture.adapters.settings import Settings

__all__ = ["Texts", "plain_table"]

#: Bodies, all of them texts or all of them bytes.
Texts: TypeAlias = "Sequence[str] | Sequence[bytes]"

_PLAIN = frozenset({float, int, str, bool, type(None)})
_LONGEST = 1_000_000
#: What `bytes.strip` takes off, and `str.strip` more.
_BLANK = " \t\n\r\x0b\x0c"
#: What numbers in JSON, and lists of them, are written with; brackets, quotes and ends of lines are not among it.
_OF_NUMBERS = b"0123456789+-.eE, \t"


class _InstancesAlone(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    instances: list[dict[str, Any]]


class _PredictionsAlone(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    predictions: list[Any]


_instances = msgspec.json.Decoder(_InstancesAlone).decode
_predictions = msgspec.json.Decoder(_PredictionsAlone).decode
_list = msgspec.json.Decoder(list[Any]).decode


def plain_table(requests: Texts, responses: Texts, settings: Settings) -> Table | None:
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
        is_json = requests[0][:1] in ("{", b"{") and responses[0][:1] in ("{", b"{")
        return _of_json(requests, responses) if is_json else _of_csv(requests, responses)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _of_csv(requests: Texts, responses: Texts) -> Table | None:
    columns, answers = _numbers(requests), _numbers(responses)
    if columns is None or answers is None or len(answers) != 1:
        return None
    return Table(None, columns, answers[0])


def _numbers(texts: Sequence[Any]) -> list[list[Any]] | None:
    """Return the columns of texts that have nothing but numbers, as many each, with commas between them.

    What such texts are made of cannot close a bracket, so that all of them together are JSON just when each is.
    """
    together = _joined(texts)
    if together.translate(None, _OF_NUMBERS) != b"\n" * (len(texts) - 1):
        blank = _BLANK if isinstance(texts[0], str) else None
        texts = [text.strip(blank) for text in texts]
        together = _joined(texts)
        if together.translate(None, _OF_NUMBERS) != b"\n" * (len(texts) - 1):
            return None
    comma = "," if isinstance(texts[0], str) else b","
    width = texts[0].count(comma) + 1
    if {text.count(comma) for text in texts} != {width - 1}:
        return None
    flat = _list(b"[%b]" % together.replace(b"\n", b","))
    return [flat[place::width] for place in range(width)] if flat else None


def _joined(texts: Sequence[Any]) -> bytes:
    return "\n".join(texts).encode() if isinstance(texts[0], str) else b"\n".join(texts)


def _of_json(requests: Texts, responses: Texts) -> Table | None:
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
