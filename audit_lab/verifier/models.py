"""That the model artifacts in a bundle are those whose digests are attested; none of them is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.seal.digests import folder_digest
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding
from audit_lab.seal.strict_json import parse_json
from audit_lab.verifier.layout import ATTESTATION, INVESTIGATION, MODEL_FILES

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from audit_lab.verifier.contents import Contents
    from audit_lab.verifier.predicate import Predicate

__all__ = ["MODELS_CHECKED", "check_models"]

#: What stands under "checked" where a bundle holds artifacts.
MODELS_CHECKED = "model artifacts have the digests that they are named by, and exhibits speak of these models"

_NEXT = "Do not open the file; ask the investigator for the artifact that was registered"


def check_models(contents: Contents, predicate: Predicate, known_bad: AbstractSet[str]) -> list[Finding]:
    """Check that each artifact's files have the digest that their folder is named by, and that an exhibit names it."""
    files: dict[str, list[str]] = {}
    for name in contents.names:
        if name.startswith(MODEL_FILES):
            files.setdefault(name.removeprefix(MODEL_FILES).partition("/")[0], []).append(name)
    findings = [
        Finding("model.missing", ATTESTATION, f"the artifact {digest[:16]} is attested and not in the bundle", _NEXT)
        for digest in sorted(set(predicate.models) - files.keys())
    ]
    spoken_of = _spoken_of(contents, known_bad)
    for digest, names in sorted(files.items()):
        if digest not in predicate.models:
            findings.append(Finding("model.not-attested", names[0], "no artifact of that digest is attested", _NEXT))
        elif not known_bad & set(names) and digest not in _digests(contents, f"{MODEL_FILES}{digest}/", names):
            findings.append(Finding("model.digest-differs", names[0], "it is not the artifact that it is named", _NEXT))
        if spoken_of is not None and digest not in spoken_of:
            findings.append(Finding("model.of-no-exhibit", names[0], "no exhibit speaks of this model", _NEXT))
    return findings


def _digests(contents: Contents, folder: str, names: list[str]) -> set[str]:
    """Return what the digest of an artifact of these files can be: the file's where it is one, the folder's."""
    files = {name.removeprefix(folder): (contents.digest(name), contents.container.size_bytes(name)) for name in names}
    alone = {digest for digest, _ in files.values()} if len(files) == 1 else set()
    return {folder_digest(files), *alone}


def _spoken_of(contents: Contents, known_bad: AbstractSet[str]) -> set[str] | None:
    """Return the digests of the models that exhibits speak of; None where the investigation cannot be read."""
    if INVESTIGATION in known_bad:
        return None
    try:
        exhibits = parse_json(contents.document(INVESTIGATION) or b"", INVESTIGATION)["exhibits"]
        return {str(model.get("artifact_sha256")) for exhibit in exhibits for model in exhibit["models"]}
    except (MalformedError, KeyError, TypeError, AttributeError):
        return None  # it has a finding of its own
