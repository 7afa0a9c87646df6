"""From a pinned key of a log to the key that signs today: the log's own rotations, each vouched for by the key before.

A rotation that merely stands in the tree proves nothing, because whoever signs the newest checkpoint wrote that tree.
So each link carries a checkpoint that the *old* key signed and that holds the rotation, and the proof that the tree
grew from there: a stranger's key cannot be slipped in, nor a history that an old key never saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.entry import parse_entry
from audit_lab.seal.entry_kinds import RotateEntry
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import check_consistency, check_inclusion, leaf_hash

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from audit_lab.seal.checkpoint import Checkpoint
    from audit_lab.seal.keys import PublicKey

__all__ = ["KeyLink", "follow_key_chain"]

_NEXT = "Ask whoever gave the proof for one made from the log itself, or pin the log's present key"


@dataclass(frozen=True)
class KeyLink:
    """One rotation of a log's key.

    Attributes
    ----------
    entry
        The exact bytes of the rotate entry.
    index
        Where it stands in the log's tree.
    checkpoint
        The note of a checkpoint that holds it, signed by the key before.
    path
        The entry's inclusion in that checkpoint.
    growth
        The consistency of that checkpoint with the one that the chain leads to.
    """

    entry: bytes
    index: int
    checkpoint: bytes
    path: tuple[bytes, ...]
    growth: tuple[bytes, ...]


def follow_key_chain(
    links: Sequence[KeyLink], pinned: Collection[PublicKey], checkpoint: Checkpoint
) -> tuple[PublicKey, ...]:
    """Return the keys that a log may have signed `checkpoint` with, as far as the pinned keys and the chain vouch.

    Parameters
    ----------
    links
        Rotations, the oldest first, each after the one before.
    pinned
        The keys of the log that the reader accepts by himself.
    checkpoint
        The checkpoint that the tree grew to. Its own signature is not checked here.

    Returns
    -------
    tuple of PublicKey
        The pinned keys without links; with links, the last one's new key and nothing else.

    Raises
    ------
    MalformedError
        A link does not hold: ``key-chain.not-a-rotation``, ``key-chain.wrong-origin``, ``key-chain.out-of-order``,
        ``key-chain.not-vouched-for``, or codes ``note.*``, ``checkpoint.*``, ``entry.*`` and ``proof.*``.
    """
    accepted = tuple(pinned)
    last_index = -1
    for number, link in enumerate(links, start=1):
        name = f"Key rotation {number}"
        signed = parse_checkpoint(link.checkpoint, f"The checkpoint of key rotation {number}")
        entry = parse_entry(link.entry, name)
        if not isinstance(entry, RotateEntry):
            raise _refused(f"{name} is an entry of another kind", "key-chain.not-a-rotation")
        if {entry.origin, signed.checkpoint.origin} != {checkpoint.origin}:
            raise _refused(f"{name} is of another log", "key-chain.wrong-origin")
        if link.index <= last_index:
            raise _refused(f"{name} does not come after the one before it", "key-chain.out-of-order")
        signers = [key for key in accepted if signed.note.by(key) is not None]
        if not signers:
            raise _refused(f"{name} stands under no checkpoint of an accepted key", "key-chain.not-vouched-for")
        for key in signers:
            signed.check_signature(key, f"The checkpoint of key rotation {number}")
        old = signed.checkpoint
        check_inclusion(leaf_hash(link.entry), link.index, old.size, link.path, old.root)
        check_consistency(old.size, old.root, checkpoint.size, checkpoint.root, link.growth)
        accepted, last_index = (entry.new_key,), link.index
    return accepted


def _refused(message: str, code: str) -> MalformedError:
    return MalformedError(message, _NEXT, code)
