"""Kept files: an erased row is proven by what is kept of it, and its values cannot be guessed from that."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import polars as pl
import pytest

from audit_lab.errors import LogError
from audit_lab.log.commitment.leaves import field_digests, row_leaves
from audit_lab.log.erasure.kept import Kept, committed_leaves, keep
from audit_lab.seal.disclosure import committed_row, disclosure_bytes, field_digest, field_salt
from audit_lab.seal.merkle import leaf_hash
from audit_lab.seal.values import Value, value_bytes

KEYS = [bytes([number]) * 32 for number in (1, 2, 3, 4)]
ROWS = pl.DataFrame(
    {
        "prediction_id": ["a", "b", "c", "d"],
        "occurred_at": [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 3, 4)],
        "score": [0.5, -0.0, None, 1.0],
        "Straße, 1:": ["x", "y", "z", None],
    },
    schema_overrides={"occurred_at": pl.Datetime("us", "UTC")},
)
LEAVES = row_leaves(ROWS, b"".join(KEYS))


def blanked(rows, erased):
    """Return the rows as the file holds them after an erasure."""
    return rows.with_columns(
        pl.when(pl.int_range(pl.len()).is_in([number for number, names in erased.items() if name in names]))
        .then(None)
        .otherwise(pl.col(name))
        .alias(name)
        for name in rows.columns
    )


def kept_of(rows, erased, keys=KEYS, earlier=None):
    numbers = sorted(erased)
    return keep(rows[numbers], {number: keys[number] for number in numbers}, erased, earlier)


def zeroed(*numbers):
    return b"".join(bytes(32) if number in numbers else key for number, key in enumerate(KEYS))


ERASED = {1: ["score", "Straße, 1:"], 2: ["score"]}


def test_what_is_kept_is_the_digest_of_an_erased_field_and_the_salt_of_one_that_stays():
    kept = kept_of(ROWS, ERASED)
    assert kept.rows == (1, 2)
    digest = field_digest(
        disclosure_bytes(field_salt(KEYS[1], "score"), "score", value_bytes(Value("d", int("8" + "0" * 15, 16))))
    )
    assert kept.row(1) == {
        "prediction_id": field_salt(KEYS[1], "prediction_id"),
        "occurred_at": field_salt(KEYS[1], "occurred_at"),
        "score": digest,
        "Straße, 1:": field_digests(ROWS, b"".join(KEYS))["Straße, 1:"][1],
    }
    assert (kept.erased(1), kept.erased(2), kept.erased(0)) == (("score", "Straße, 1:"), ("score",), ())
    assert kept.row(0) is None


def test_all_leaves_follow_from_the_erased_file_what_is_kept_and_the_keys_that_are_left():
    kept = kept_of(ROWS, ERASED)
    assert committed_leaves(blanked(ROWS, ERASED), zeroed(1, 2), kept) == LEAVES


def test_one_leaf_is_the_reference_definition_of_its_kept_digests():
    kept = kept_of(ROWS, ERASED)
    digests = kept.digests(blanked(ROWS, ERASED)[[1, 2]])
    assert leaf_hash(committed_row(digests.row(0))) == LEAVES[32:64]


def test_leaves_of_a_part_of_the_segment():
    kept, rows = kept_of(ROWS, ERASED), blanked(ROWS, ERASED)
    assert committed_leaves(rows[2:], zeroed(1, 2)[64:], kept, first_row=2) == LEAVES[64:]
    assert committed_leaves(rows[:1], zeroed(1, 2)[:32], kept) == LEAVES[:32]
    assert committed_leaves(ROWS, b"".join(KEYS), None) == LEAVES


def test_a_value_that_stays_is_still_bound():
    rows = blanked(ROWS, ERASED).with_columns(prediction_id=pl.Series(["a", "B", "c", "d"]))
    leaves = committed_leaves(rows, zeroed(1, 2), kept_of(ROWS, ERASED))
    assert [leaves[at : at + 32] == LEAVES[at : at + 32] for at in range(0, 128, 32)] == [True, False, True, True]


def test_a_guess_cannot_be_confirmed():
    """With everything that is left, even the right value does not give the digest: its salt is gone."""
    kept = kept_of(ROWS, ERASED)
    digest = kept.row(2)["score"]
    right = value_bytes(Value("n", None))
    known_salts = [text for text in kept.row(2).values() if len(text) == 32]
    known_salts += [field_salt(KEYS[0], "score"), field_salt(KEYS[3], "score")]
    known_salts += [hashlib.sha256(f"{bytes(32).hex()}audit_lab/field-salt/1:score".encode()).hexdigest()[:32]]
    assert digest not in {field_digest(disclosure_bytes(salt, "score", right)) for salt in known_salts}
    assert digest == field_digest(disclosure_bytes(field_salt(KEYS[2], "score"), "score", right))


def test_more_fields_of_a_row_can_be_erased_later_and_their_salts_go():
    first = kept_of(ROWS, ERASED)
    left = blanked(ROWS, ERASED)
    later = {0: ["score"], 1: ["prediction_id"]}
    keys = [KEYS[0], bytes(32), bytes(32), KEYS[3]]
    second = kept_of(left, later, keys, first)
    assert second.rows == (0, 1, 2)
    assert second.erased(1) == ("prediction_id", "score", "Straße, 1:")
    assert second.row(2) == first.row(2)
    assert field_salt(KEYS[1], "prediction_id") not in second.row(1).values()
    assert committed_leaves(blanked(left, later), zeroed(0, 1, 2), second) == LEAVES


def test_a_destroyed_key_without_a_kept_line_is_named():
    with pytest.raises(LogError, match="the key of row 1 is destroyed, and no kept file speaks of the row"):
        kept_of(ROWS, ERASED, [KEYS[0], bytes(32), KEYS[2], KEYS[3]])


def test_a_value_in_an_erased_field_is_found():
    kept, rows = kept_of(ROWS, ERASED), blanked(ROWS, ERASED)
    assert kept.restored(rows[[1, 2]]) == []
    guessed = rows.with_columns(score=pl.Series([0.5, 0.0, None, 1.0]))
    assert kept.restored(guessed[[1, 2]]) == [(1, "score")]


def test_the_file_comes_back_as_it_was_written():
    kept = kept_of(ROWS, ERASED)
    content = kept.to_bytes()
    assert Kept.parse(content, ROWS.columns, 4, "a file").frame.equals(kept.frame)
    assert kept_of(ROWS, ERASED).to_bytes() == content


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.drop("3"),
        lambda frame: frame.rename({"3": "4"}),
        lambda frame: frame.with_columns(pl.col("_row").cast(pl.Int64)),
        lambda frame: frame.head(0),
        lambda frame: frame.reverse(),
        lambda frame: pl.concat([frame, frame]),
        lambda frame: frame.with_columns(pl.Series("_row", [1, 4], dtype=pl.UInt32)),
        lambda frame: frame.with_columns(pl.Series("_row", [1, None], dtype=pl.UInt32)),
        lambda frame: frame.with_columns(pl.col("2").str.to_uppercase()),
        lambda frame: frame.with_columns(pl.col("2") + "0"),
        lambda frame: frame.with_columns(pl.lit(None, dtype=pl.String).alias("2")),
        lambda frame: frame.with_columns(pl.col("2") + "\n"),
    ],
)
def test_a_file_of_another_form_is_refused(change):
    frame = change(kept_of(ROWS, ERASED).frame)
    with pytest.raises(LogError, match="a file (does not hold|holds rows or digests that cannot be)"):
        Kept.parse(Kept(tuple(ROWS.columns), frame).to_bytes(), ROWS.columns, 4, "a file")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not Parquet at all" * 9])
def test_bytes_that_are_no_parquet_are_refused(content):
    with pytest.raises(LogError, match="a file cannot be read as Parquet"):
        Kept.parse(content, ROWS.columns, 4, "a file")
