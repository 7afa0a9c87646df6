"""The members that documents with proofs are made of: texts, counts, hashes, and the rotations of a log's key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.seal.digests import DIGEST
from audit_lab.seal.key_chain import KeyLink
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import members

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "count_member",
    "hash_texts",
    "hashes_member",
    "link_members",
    "link_of",
    "list_member",
    "malformed_proof",
    "text_member",
    "texts_member",
]

_MOST_HASHES = 64
_LARGEST_INTEGER = 2**53 - 1
_NEXT = "Ask whoever gave the proof for it as it was made"


def text_member(value: dict[str, Any], member: str, name: str) -> str:
    """Return a member of the document `name` that must be a text.

    Raises
    ------
    MalformedError
        Code ``record-proof.malformed``, as for every function here.
    """
    text = value[member]
    if not isinstance(text, str):
        raise malformed_proof(f"{name}: its member {member} is no text")
    return text


def texts_member(value: dict[str, Any], member: str, name: str) -> tuple[str, ...]:
    """Return a member that must be a list of texts."""
    texts = value[member]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise malformed_proof(f"{name}: its member {member} is no list of texts")
    return tuple(texts)


def count_member(value: dict[str, Any], member: str, name: str) -> int:
    """Return a member that must be a count of at most 2^53 - 1."""
    count = value[member]
    if type(count) is not int or not 0 <= count <= _LARGEST_INTEGER:
        raise malformed_proof(f"{name}: its member {member} is no count")
    return count


def hashes_member(value: dict[str, Any], member: str, name: str) -> tuple[bytes, ...]:
    """Return a member that must be a list of at most 64 hashes of 32 bytes, in hexadecimal."""
    texts = value[member]
    if not isinstance(texts, list) or len(texts) > _MOST_HASHES:
        raise malformed_proof(f"{name}: its member {member} is no list of at most 64 hashes")
    if not all(isinstance(text, str) and DIGEST.fullmatch(text) for text in texts):
        raise malformed_proof(f"{name}: its member {member} holds what is no hash")
    return tuple(bytes.fromhex(text) for text in texts)


def list_member(value: dict[str, Any], member: str, name: str) -> list[tuple[int, Any]]:
    """Return a member that must be a list, each element with its number from 1."""
    if not isinstance(value[member], list):
        raise malformed_proof(f"{name}: its member {member} is no list")
    return list(enumerate(value[member], start=1))


def link_of(value: Any, name: str) -> KeyLink:
    """Return a rotation of a log's key."""
    value = members(value, frozenset(KeyLink.__annotations__), name)
    return KeyLink(
        text_member(value, "entry", name).encode(),
        count_member(value, "index", name),
        text_member(value, "checkpoint", name).encode(),
        hashes_member(value, "path", name),
        hashes_member(value, "growth", name),
    )


def link_members(link: KeyLink) -> dict[str, Any]:
    """Return a rotation as it stands in a document."""
    return {
        "entry": link.entry.decode(),
        "index": link.index,
        "checkpoint": link.checkpoint.decode(),
        "path": hash_texts(link.path),
        "growth": hash_texts(link.growth),
    }


def hash_texts(hashes: Iterable[bytes]) -> list[str]:
    """Return hashes as they stand in a document."""
    return [value.hex() for value in hashes]


def malformed_proof(message: str, code: str = "record-proof.malformed") -> MalformedError:
    """Return the refusal of a document."""
    return MalformedError(message, _NEXT, code)
