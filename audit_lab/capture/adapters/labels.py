"""The labels of one record: one for each instance of an exchange."""

from __future__ import annotations

from typing import Any

from audit_lab.capture.adapters.bodies import decode_exchange
from audit_lab.capture.adapters.exchange import UNDECODABLE, Half, Refusal
from audit_lab.capture.adapters.settings import Settings

__all__ = ["label_values"]

_NAMES = ("label", "value", "truth", "groundtruth", "ground_truth", "outcome")
_PLAIN = Settings()


def label_values(half: Half) -> list[Any] | Refusal:
    """Return what a label's body says, one value for each instance; a null is no label."""
    decoded = decode_exchange(half, _PLAIN)
    if isinstance(decoded, Refusal):
        return Refusal(decoded.code, decoded.reason.replace("response", "label"))
    values = [_value(each) for each in decoded.outputs or ()]
    if any(value is None for value in values):
        return Refusal(UNDECODABLE, "a label is null")
    return values


def _value(value: Any) -> Any:
    """Return the label of a field that is called so, where a mapping has one such."""
    if isinstance(value, dict):
        return next((value[name] for name in _NAMES if name in value), value)
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    return value
