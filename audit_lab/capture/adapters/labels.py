"""The labels of one record: one for each instance of an exchange."""

from __future__ import annotations

from typing import Any

from audit_lab.capture.adapters.bodies import decode_exchange
from audit_lab.capture.adapters.exchange import LABEL, UNDECODABLE, Decoded, Half, Refusal
from audit_lab.capture.adapters.settings import Settings

__all__ = ["label_values", "with_truth"]

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


def with_truth(decoded: Decoded | Refusal, half: Half) -> Decoded | Refusal:
    """Return an exchange with the label that stands beside it in its record, where one does."""
    if half.truth is None or isinstance(decoded, Refusal):
        return decoded
    labels = label_values(Half(half.key, LABEL, half.at, None, half.truth, "", half.truth_type))
    if isinstance(labels, Refusal):
        return labels
    count = len(decoded.inputs or decoded.outputs or ())
    if len(labels) != count:
        return Refusal(UNDECODABLE, f"the record has {count:,} instances and {len(labels):,} labels")
    return decoded._replace(labels=labels)


def _value(value: Any) -> Any:
    """Return the label of a field that is called so, where a mapping has one such."""
    if isinstance(value, dict):
        return next((value[name] for name in _NAMES if name in value), value)
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    return value
