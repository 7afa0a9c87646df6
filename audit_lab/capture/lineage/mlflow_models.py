"""What an ``MLmodel`` says of the model beside it: flavors, signature, run and time; what it names is not opened."""

from __future__ import annotations

from typing import Any

from audit_lab.capture.lineage.plain_yaml import RefusedError, parse_yaml
from audit_lab.capture.lineage.rows import instant, plain
from audit_lab.seal.digests import sha256
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import parse_json

__all__ = ["MLMODEL", "MOST_BYTES", "described_model"]

#: The file's name, and how large one may be.
MLMODEL, MOST_BYTES = "MLmodel", 1_000_000
_TIME, _SIGNATURE = "utc_time_created", "signature"


def described_model(content: bytes) -> dict[str, Any]:
    """Return what an ``MLmodel`` says, as JSON has it, with its digest.

    The time is written in ISO 8601, and the parts of the signature, which are JSON in texts, as what they hold; where
    they hold none they stand as they are.

    Raises
    ------
    RefusedError
        It is no such file: see `audit_lab.capture.lineage.plain_yaml.parse_yaml`; or it names no flavor.
    """
    said = plain(parse_yaml(content))
    if not isinstance(said.get("flavors"), dict):
        raise RefusedError("it names no flavors, as an MLmodel does", content)
    created = said.get(_TIME)
    moment = instant(created.replace(" ", "T", 1) + "+00:00") if isinstance(created, str) else None
    if moment is not None:
        said[_TIME] = moment.isoformat()
    if isinstance(said.get(_SIGNATURE), dict):
        said[_SIGNATURE] = {part: _parsed(value) for part, value in said[_SIGNATURE].items()}
    return {**said, "mlmodel_sha256": sha256(content)}


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value.encode(), "a part of a signature")
    except MalformedError:
        return value
