"""From payload to bundle: the BagIt tag files, and the attestation over everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.evidence.archive_writer import FileContent, chunks_of
from audit_lab.evidence.environment import library_version
from audit_lab.seal.digests import format_manifest, sha256, sha256_chunks
from audit_lab.seal.envelope import sign_envelope
from audit_lab.seal.statement import PAYLOAD_TYPE, Statement
from audit_lab.verifier.bag import DECLARATION, payload_oxum
from audit_lab.verifier.layout import (
    ATTESTATION,
    BAG_DECLARATION,
    BAG_INFO,
    MANIFEST,
    PREDICATE_TYPE,
    TAG_FILES,
    TAG_MANIFEST,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.seal.keys import SigningKey
    from audit_lab.verifier.predicate import Predicate

__all__ = ["bundle_files"]


def bundle_files(payload: Mapping[str, FileContent], predicate: Predicate, key: SigningKey) -> dict[str, FileContent]:
    """Return every file of a signed bundle.

    Parameters
    ----------
    payload
        The files under ``data/``, by their full name.
    predicate
        What the signer attests beside the digests.
    key
        The investigator's key.
    """
    digests = {name: sha256_chunks(chunks_of(content)) for name, content in payload.items()}
    sizes = [sum(map(len, chunks_of(content))) for content in payload.values()]
    tags: dict[str, bytes] = {
        BAG_DECLARATION: DECLARATION,
        BAG_INFO: _bag_info(predicate, sizes),
        MANIFEST: format_manifest(digests),
    }
    tags[TAG_MANIFEST] = format_manifest({name: sha256(tags[name]) for name in TAG_FILES})
    subjects = digests | {name: sha256(content) for name, content in tags.items()}
    statement = Statement(subjects, PREDICATE_TYPE, predicate.to_dict())
    return {**payload, **tags, ATTESTATION: sign_envelope(statement.to_json(), PAYLOAD_TYPE, [key])}


def _bag_info(predicate: Predicate, sizes_bytes: list[int]) -> bytes:
    lines = {
        "Bag-Software-Agent": f"audit_lab {library_version()}",
        "Bagging-Date": predicate.signed_at[:10],
        "External-Identifier": predicate.case_id,
        "Payload-Oxum": payload_oxum(sizes_bytes),
    }
    return "".join(f"{name}: {value}\n" for name, value in lines.items()).encode()
