"""An attribution as canonical JSON (RFC 8785), and back: bytes that would be written otherwise are refused."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from audit_lab.explain.attribution import Attribution, Background, Check, Contribution
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import canonical_json, members, parse_json

if TYPE_CHECKING:
    from audit_lab.explain.attribution import Value

__all__ = ["attribution_bytes", "parse_attribution"]

_FORMAT, _VERSION = "audit_lab.attribution", 1
#: What came about around the numbers, or was said of them later: no part of what the digest names.
_AROUND = ("isolation", "environment", "notes")
_MOST_BYTES = 16 * 1024 * 1024
#: Beyond it, whole numbers are not told apart by every reader of JSON.
_WIDEST = 2**53 - 1
_DIGEST = re.compile(r"[0-9a-f]{64}")
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,60}")
_NAME = "The attribution"


def attribution_bytes(attribution: Attribution, *, around: bool = True) -> bytes:
    """Return the canonical UTF-8 bytes of an attribution.

    Numbers are in their shortest exact form. What JSON has no number for stands as text in an object of one member:
    ``{"number": "inf"}`` for floats beyond 2^53 - 1 and infinities, ``{"integer": "9007199254740993"}`` for integers
    beyond it. A whole float reads back as an integer, which is equal to it.

    Parameters
    ----------
    attribution
        What to write.
    around
        Also write `isolation`, `environment` and `notes`, which the digest does not cover.

    Raises
    ------
    MalformedError
        A value is of a kind that no recorded feature has, or a text holds half of a surrogate pair.
    """
    document = {
        **{each.name: getattr(attribution, each.name) for each in fields(attribution)},
        "format": _FORMAT,
        "version": _VERSION,
        "contributions": [
            {"feature": each.feature, "value": _written(each.value), "contribution": _written(each.contribution)}
            for each in attribution.contributions
        ],
        "base_value": _written(attribution.base_value),
        "prediction_value": _written(attribution.prediction_value),
        "background": {**vars(attribution.background), "rows": list(attribution.background.rows)},
        "seed": _written(attribution.seed),
        "checks": [dict(vars(check)) for check in attribution.checks],
        "notes": list(attribution.notes),
    }
    return canonical_json({name: value for name, value in document.items() if around or name not in _AROUND})


def parse_attribution(content: bytes) -> Attribution:
    """Return the attribution that some bytes are.

    Raises
    ------
    MalformedError
        Codes that begin ``json.`` as `parse_json` and `members` give them; ``attribution.too-big`` (16 MiB);
        ``attribution.format-unknown``; ``attribution.malformed``; ``attribution.not-canonical``: it would be written
        with other bytes.
    """
    if len(content) > _MOST_BYTES:
        raise _refused(f"is longer than {_MOST_BYTES} bytes", "too-big")
    document = parse_json(content, _NAME)
    if not isinstance(document, dict) or (document.get("format"), document.get("version")) != (_FORMAT, _VERSION):
        raise _refused(f"is not of the format {_FORMAT}, version {_VERSION}", "format-unknown")
    known = {each.name for each in fields(Attribution)}
    found = members(document, frozenset({*known, "format", "version"}), _NAME)
    background = members(found["background"], frozenset({"description", "rows", "sha256"}), "Its background")
    contributions = tuple(_contribution(each) for each in _list(found["contributions"], "contributions"))
    names = [each.feature for each in contributions]
    if not names or len(set(names)) != len(names):
        raise _refused("names no feature, or one of them twice", "malformed")
    attribution = Attribution(
        **{name: _text(found[name], name) for name in _TEXTS},
        contributions=contributions,
        base_value=_float(found["base_value"], "base_value"),
        prediction_value=_float(found["prediction_value"], "prediction_value"),
        background=Background(
            _text(background["description"], "background"),
            tuple(_text(each, "background row") for each in _list(background["rows"], "rows")),
            _digest(background["sha256"], "background"),
        ),
        seed=_whole(found["seed"], "seed"),
        artifact_sha256=_digest(found["artifact_sha256"], "artifact"),
        checks=tuple(_check(each) for each in _list(found["checks"], "checks")),
        isolation=_texts(found["isolation"], "isolation"),
        environment=_texts(found["environment"], "environment"),
        notes=tuple(_text(each, "note") for each in _list(found["notes"], "notes")),
    )
    if attribution_bytes(attribution) != content:
        raise _refused("is not in canonical form", "not-canonical")
    return attribution


_TEXTS = ("prediction_id", "method", "algorithm", "output_explained", "label", "library", "library_version")


def _written(value: Value) -> Any:
    """Return a value as JSON has it, whatever its size."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _WIDEST else {"integer": str(value)}
    return value if abs(value) <= _WIDEST else {"number": repr(value)}


def _read(written: Any, what: str) -> Value:
    if written is None or isinstance(written, str | bool | int | float):
        return written
    if isinstance(written, dict) and len(written) == 1:
        (kind, text), *_ = written.items()
        if kind == "integer" and isinstance(text, str) and _INTEGER.fullmatch(text):
            return int(text)
        if kind == "number" and isinstance(text, str):
            try:
                return float(text)
            except ValueError:
                pass
    raise _refused(f"has a {what} that is no value", "malformed")


def _float(written: Any, what: str) -> float:
    value = _read(written, what)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _refused(f"has a {what} that is no finite number", "malformed")
    return float(value)


def _whole(written: Any, what: str) -> int:
    value = _read(written, what)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refused(f"has a {what} that is no integer", "malformed")
    return value


def _contribution(written: Any) -> Contribution:
    found = members(written, frozenset({"feature", "value", "contribution"}), "One of its contributions")
    return Contribution(
        _text(found["feature"], "feature"),
        _read(found["value"], "recorded value"),
        _float(found["contribution"], "contribution"),
    )


def _check(written: Any) -> Check:
    found = members(written, frozenset({"name", "passed", "detail"}), "One of its checks")
    if not isinstance(found["passed"], bool):
        raise _refused("has a check that neither passed nor failed", "malformed")
    return Check(_text(found["name"], "check"), found["passed"], _text(found["detail"], "check"))


def _text(written: Any, what: str) -> str:
    if not isinstance(written, str):
        raise _refused(f"has a {what} that is no text", "malformed")
    return written


def _digest(written: Any, what: str) -> str:
    if not _DIGEST.fullmatch(_text(written, what)):
        raise _refused(f"has a digest of its {what} that is no SHA-256", "malformed")
    return str(written)


def _texts(written: Any, what: str) -> dict[str, str]:
    if not isinstance(written, dict):
        raise _refused(f"has no {what} by name", "malformed")
    return {name: _text(value, what) for name, value in written.items()}


def _list(written: Any, what: str) -> list[Any]:
    if not isinstance(written, list):
        raise _refused(f"has no list of {what}", "malformed")
    return written


def _refused(what: str, code: str) -> MalformedError:
    step = "Explain the decision again, or ask whoever gave it for an unaltered copy"
    return MalformedError(f"{_NAME} {what}", step, f"attribution.{code}")
