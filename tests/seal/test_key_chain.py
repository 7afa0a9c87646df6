"""The chain of a log's keys: followed by the log's own rotations, and by nothing that a stranger can write."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_lab.seal.checkpoint import Checkpoint, sign_checkpoint
from audit_lab.seal.entry_kinds import HeartbeatEntry, RotateEntry
from audit_lab.seal.key_chain import KeyLink, follow_key_chain
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import MemoryTree, consistency_path, inclusion_path, leaf_hash

ORIGIN = "a.example/log"
KEYS = [SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)) for number in range(5)]
THIEF = SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\xff" * 32))
PUBLIC = [key.public for key in KEYS]


def beat(number, origin=ORIGIN):
    return HeartbeatEntry(origin=origin, sealed_at=f"2026-03-01T12:00:{number:02}.000000Z").to_bytes()


def rotation(key, day, origin=ORIGIN):
    entry = RotateEntry(origin=origin, sealed_at=f"2026-03-{day:02}T00:00:00.000000Z", new_key=key.public,
                        epoch=f"2026-03-{day:02}")  # fmt: skip
    return entry.to_bytes()


def checkpoint(tree, size, origin=ORIGIN):
    return Checkpoint(origin, size, tree.root(size))


class Log:
    """A tree of heartbeats in which every fourth entry rotates the key, and the checkpoint after it is kept."""

    def __init__(self, keys=KEYS, origin=ORIGIN):
        self.tree, self.rotations = MemoryTree(), []
        for number, key in enumerate(keys):
            if number:
                entry = rotation(key, number + 1, origin)
                self.tree.append(leaf_hash(entry))
                size = self.tree.size
                note = sign_checkpoint(checkpoint(self.tree, size, origin), keys[number - 1])
                self.rotations.append((entry, size - 1, note))
            for second in range(3):
                self.tree.append(leaf_hash(beat(second, origin)))
        self.newest = checkpoint(self.tree, self.tree.size, origin)

    def links(self):
        tree = self.tree
        return [
            KeyLink(
                entry,
                index,
                note,
                tuple(inclusion_path(tree, index, index + 1)),
                tuple(consistency_path(tree, index + 1, tree.size)),
            )
            for entry, index, note in self.rotations
        ]


LOG = Log()
LINKS = LOG.links()


def refusal(links, pinned=(PUBLIC[0],), newest=LOG.newest):
    with pytest.raises(MalformedError) as caught:
        follow_key_chain(links, pinned, newest)
    return caught.value.code


def test_the_chain_leads_from_the_first_key_to_the_last():
    assert follow_key_chain(LINKS, [PUBLIC[0]], LOG.newest) == (PUBLIC[4],)


def test_without_rotations_the_pinned_keys_stand():
    assert follow_key_chain([], PUBLIC[:2], LOG.newest) == tuple(PUBLIC[:2])


@pytest.mark.parametrize("known", range(5))
def test_a_reader_who_pinned_a_later_key_starts_there(known):
    assert follow_key_chain(LINKS, [PUBLIC[known]], LOG.newest) == (PUBLIC[4],)
    assert follow_key_chain(LINKS[known:], [PUBLIC[known]], LOG.newest) == (PUBLIC[4],)


def test_a_chain_that_ends_early_leads_to_the_key_of_its_end():
    assert follow_key_chain(LINKS[:2], [PUBLIC[0]], LOG.newest) == (PUBLIC[2],)


def test_a_chain_that_begins_after_the_pinned_key_is_refused():
    assert refusal(LINKS[1:]) == "key-chain.not-vouched-for"
    assert refusal([LINKS[0], *LINKS[2:]]) == "key-chain.not-vouched-for"
    assert refusal(LINKS, [THIEF.public]) == "key-chain.not-vouched-for"


def test_a_rotation_that_only_stands_in_the_strangers_own_tree_is_refused():
    # The stranger writes a whole log that begins like ours, rotates to his key, and signs all of it himself.
    forged = Log([KEYS[0], THIEF])
    index = forged.rotations[0][1]
    link = forged.links()[0]
    note = sign_checkpoint(checkpoint(forged.tree, index + 1), THIEF)
    assert follow_key_chain([link], [PUBLIC[0]], forged.newest) == (THIEF.public,)  # only with the first key's consent
    assert refusal([replace(link, checkpoint=note)], newest=forged.newest) == "key-chain.not-vouched-for"
    # Nor can he use a checkpoint that the first key signed for something else.
    assert refusal([replace(link, checkpoint=LINKS[0].checkpoint)], newest=forged.newest) == "proof.root-differs"


def test_a_thief_of_a_later_key_cannot_rotate_in_the_name_of_an_earlier_one():
    entry = rotation(THIEF, 2)
    tree = MemoryTree([*(LOG.tree.hashes(0, 0, 3)), leaf_hash(entry)])
    note = sign_checkpoint(checkpoint(tree, 4), KEYS[3])
    link = KeyLink(entry, 3, note, tuple(inclusion_path(tree, 3, 4)), ())
    assert refusal([link], newest=checkpoint(tree, 4)) == "key-chain.not-vouched-for"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"entry": beat(1)}, "key-chain.not-a-rotation"),
        ({"entry": rotation(THIEF, 2)}, "proof.root-differs"),
        ({"entry": b"{}"}, "entry.malformed"),
        ({"index": 2}, "key-chain.not-last"),
        ({"index": 4}, "key-chain.not-last"),
        ({"path": ()}, "proof.too-short"),
        ({"path": LINKS[1].path}, "proof.too-long"),
        ({"growth": ()}, "proof.too-short"),
        ({"growth": LINKS[1].growth}, "proof.too-short"),
        ({"checkpoint": LINKS[1].checkpoint}, "key-chain.not-vouched-for"),
        ({"checkpoint": LINKS[0].checkpoint.replace(b"\n4\n", b"\n5\n")}, "note.signature-invalid"),
        ({"checkpoint": LINKS[0].checkpoint.removesuffix(b"\n")}, "note.no-final-newline"),
    ],
)
def test_a_changed_link_is_refused(change, code):
    assert follow_key_chain(LINKS[:1], [PUBLIC[0]], LOG.newest) == (PUBLIC[1],)
    assert refusal([replace(LINKS[0], **change)]) == code


def test_rotations_out_of_order_are_refused():
    again = replace(LINKS[1], index=LINKS[0].index)
    assert refusal([LINKS[0], again]) == "key-chain.out-of-order"
    assert refusal([LINKS[0], LINKS[0]]) == "key-chain.out-of-order"


def test_a_history_that_the_old_key_never_saw_is_refused():
    # The newest key signs a tree that does not grow from the old checkpoint.
    other = MemoryTree(leaf_hash(beat(number)) for number in range(LOG.tree.size))
    assert refusal(LINKS[:1], newest=checkpoint(other, other.size)) == "proof.inconsistent"


def test_a_rotation_of_another_log_is_refused():
    keys = [replace(key, name="b.example/log") for key in KEYS]
    theirs = Log(keys, "b.example/log")
    assert follow_key_chain(theirs.links(), [keys[0].public], theirs.newest) == (keys[4].public,)
    assert refusal(theirs.links()) == "key-chain.wrong-origin"
    mixed = replace(LINKS[0], checkpoint=theirs.links()[0].checkpoint)
    assert refusal([mixed]) == "key-chain.wrong-origin"
