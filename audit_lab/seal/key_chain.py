"""From a pinned key of a log to the key that signs today: the log's own rotations, each vouched for by the key before.

A rotation that merely stands in the tree proves nothing, because whoever signs the newest checkpoint wrote that tree.
So each link carries the checkpoint that the *old* key signed and that ends in the rotation, and the proof that the tree
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
        The note of the checkpoint that ends in it, signed by the key before.
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
        Rotations, the oldest first, each after the one before. Those up to the last one that introduced a pinned key
        are not needed, and not looked at.
    pinned
        The keys of the log that the reader accepts by himself.
    checkpoint
        The checkpoint that the tree grew to. Its own signature is not checked here.

    Returns
    -------
    tuple of PublicKey
        The last link's new key and nothing else; the pinned keys where there are no links.

    Raises
    ------
    MalformedError
        A link does not hold: ``key-chain.not-a-rotation``, ``key-chain.wrong-origin``, ``key-chain.out-of-order``,
        ``key-chain.not-vouched-for``, ``key-chain.not-last``, or codes ``note.*``, ``checkpoint.*``,
        ``entry.*`` and ``proof.*``.
    """
    entries = [_rotation(link, number, checkpoint.origin) for number, link in enumerate(links, start=1)]
    start = max((at for at, entry in enumerate(entries, start=1) if entry.new_key in pinned), default=0)
    accepted = (entries[start - 1].new_key,) if start else tuple(pinned)
    last_index = -1
    for at in range(start, len(links)):
        name = f"Key rotation {at + 1}"
        if links[at].index <= last_index:
            raise _refused(f"{name} does not come after the one before it", "key-chain.out-of-order")
        _check_link(links[at], accepted, checkpoint, name)
        accepted, last_index = (entries[at].new_key,), links[at].index
    return accepted


def _rotation(link: KeyLink, number: int, origin: str) -> RotateEntry:
    entry = parse_entry(link.entry, f"Key rotation {number}")
    if not isinstance(entry, RotateEntry):
        raise _refused(f"Key rotation {number} is an entry of another kind", "key-chain.not-a-rotation")
    if entry.origin != origin:
        raise _refused(f"Key rotation {number} is of another log", "key-chain.wrong-origin")
    return entry


def _check_link(link: KeyLink, accepted: Sequence[PublicKey], checkpoint: Checkpoint, name: str) -> None:
    """Check that an accepted key signed the checkpoint that ends in a rotation, and that the tree grew from there."""
    signed = parse_checkpoint(link.checkpoint, f"The checkpoint of {name.lower()}")
    old = signed.checkpoint
    if old.origin != checkpoint.origin:
        raise _refused(f"{name} stands under a checkpoint of another log", "key-chain.wrong-origin")
    signers = [key for key in accepted if signed.note.by(key) is not None]
    if not signers:
        raise _refused(f"{name} stands under no checkpoint of an accepted key", "key-chain.not-vouched-for")
    for key in signers:
        signed.check_signature(key, f"The checkpoint of {name.lower()}")
    if old.size != link.index + 1:
        raise _refused(f"{name} is not the last entry that the old key sealed", "key-chain.not-last")
    check_inclusion(leaf_hash(link.entry), link.index, old.size, link.path, old.root)
    check_consistency(old.size, old.root, checkpoint.size, checkpoint.root, link.growth)


def _refused(message: str, code: str) -> MalformedError:
    return MalformedError(message, _NEXT, code)
