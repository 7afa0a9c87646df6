"""Checkpoints, tiles and proofs, checked by the library of Go's checksum database, which nobody here wrote."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_lab.seal.checkpoint import Checkpoint, sign_checkpoint
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.merkle import MemoryTree, consistency_path, inclusion_path, leaf_hash
from audit_lab.seal.tiles import growth

sys.path.insert(0, str(Path(__file__).parents[1]))
from go_program import built

SOURCE = Path(__file__).parent / "sumdb" / "main.go"
KEY = SigningKey("a.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
SIZES = [1, 2, 3, 7, 8, 255, 256, 257, 700, 66_000]


@pytest.fixture(scope="session")
def sumdb(tmp_path_factory):
    return built(SOURCE, tmp_path_factory.mktemp("sumdb"))


def entry(number):
    return f"entry {number}".encode()


@pytest.fixture(scope="module")
def tree():
    return MemoryTree(leaf_hash(entry(number)) for number in range(SIZES[-1]))


def write_log(folder, tree, size):
    """Write a log's checkpoint and tiles, as they stand after it grew to `size` in one step."""
    for tile in growth(0, size):
        if tile.level is not None:
            path = folder / tile.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(tree.hashes(8 * tile.level, tile.first, tile.width)))
    (folder / "checkpoint").write_bytes(sign_checkpoint(Checkpoint(KEY.name, size, tree.root(size)), KEY))


def encoded(hashes):
    return [base64.b64encode(value).decode() for value in hashes]


def proofs(tree, size, count=25):
    """Return as JSON an inclusion proof and a consistency proof for some leaves and sizes, first and last included."""
    numbers = sorted(
        {*range(min(size, 4)), *range(0, size, max(1, size // count)), size - 2, size - 1} & set(range(size))
    )
    return [
        {
            "Entry": base64.b64encode(entry(number)).decode(),
            "Index": number,
            "Path": encoded(inclusion_path(tree, number, size)),
            "OldSize": number + 1,
            "OldRoot": encoded([tree.root(number + 1)])[0],
            "Growth": encoded(consistency_path(tree, number + 1, size)),
        }
        for number in numbers
    ]


def run(program, folder, documents):
    command = [str(program), str(KEY.public), str(folder)]
    return subprocess.run(command, input=json.dumps(documents), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("size", SIZES)
def test_another_implementation_accepts_the_log(sumdb, tree, tmp_path, size):
    write_log(tmp_path, tree, size)
    documents = proofs(tree, size)
    done = run(sumdb, tmp_path, documents)
    assert (done.stdout, done.stderr) == (f"a.example/log {size} {len(documents)}\n", "")


def test_another_implementation_refuses_what_was_changed(sumdb, tree, tmp_path):
    write_log(tmp_path, tree, 700)
    documents = proofs(tree, 700)
    other = [{**documents[5], "Entry": base64.b64encode(b"another").decode()}]
    assert "invalid transparency proof" in run(sumdb, tmp_path, other).stderr
    tile = tmp_path / "tile" / "0" / "002.p" / "188"
    tile.write_bytes(tile.read_bytes()[::-1])
    assert "downloaded inconsistent tile" in run(sumdb, tmp_path, documents).stderr
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"\n700\n", b"\n699\n"))
    assert "invalid signature" in run(sumdb, tmp_path, documents).stderr
