"""A damaged artifact whose digest was registered all the same: what a replay makes of it."""

from __future__ import annotations

import hashlib

import polars as pl
import pytest

import audit_lab as al

#: A number that a booster's document announces, and what a flipped bit made of it.
ANNOUNCED = (b"base_weights[$d#L\0", b"base_weights[$d#L\x7f")


@pytest.fixture
def registered(make_log):
    """Return a function that opens the small log with other bytes as its artifact, registered as they are."""

    def opened(content):
        sha256 = hashlib.sha256(content).hexdigest()
        return al.open(
            make_log(artifact=content, model_versions=lambda f: f.with_columns(artifact_sha256=pl.lit(sha256)))
        )

    return opened


def test_a_count_that_is_absurd_is_told_of_the_file_and_not_of_the_memory(registered, small_model):
    assert ANNOUNCED[0] in small_model.artifact
    replay = registered(small_model.artifact.replace(*ANNOUNCED, 1)).decision("p-003").replay()
    assert (str(replay.verdict), replay.code) == ("UNREPLAYABLE", "artifact-corrupt")
    assert "the file is damaged: at byte" in replay.why


def test_a_leaf_that_is_another_number_is_no_exact_replay(registered, small_model):
    place = small_model.artifact.index(b"split_conditions[$d#L") + len(b"split_conditions[$d#L") + 8
    trees = bytearray(small_model.artifact)
    count = int.from_bytes(trees[place - 8 : place], "big")
    for leaf in range(place + 4 * (count // 2), place + 4 * count, 4):
        trees[leaf + 1] ^= 0x01
    rows = registered(bytes(trees)).replay().rows
    assert set(rows["verdict"]) <= {"EXACT", "DIVERGED"}
    assert rows.filter(pl.col("verdict") == "DIVERGED").height > 0
    same = rows["recorded_score"] == rows["replayed_score"]
    assert ((rows["verdict"] == "EXACT") == same).all()
