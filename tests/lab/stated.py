"""The file that says what the server answers, and how an answer is held against it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

import audit_lab.lab

__all__ = ["SPECIFICATION", "answers_to"]

SPECIFICATION = json.loads((Path(audit_lab.lab.__file__).parent / "openapi.json").read_text())


def answers_to(schema: dict[str, str], body: Any) -> None:
    """Hold an answer against a schema of the file, given as a reference into it."""
    whole = {"$ref": f"urn:spec#{schema['$ref'].removeprefix('#')}"}
    registry = Registry().with_resource("urn:spec", Resource.from_contents(SPECIFICATION, DRAFT202012))
    Draft202012Validator(whole, registry=registry).validate(body)
