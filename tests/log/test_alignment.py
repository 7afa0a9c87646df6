"""Rows that changed are named by aligning the sealed hashes with those found (attacks 1 and 2)."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.errors import LogError
from audit_lab.log.commitment.alignment import MOST_NAMED, aligned_changes


def _hash(letter):
    return hashlib.sha256(letter.encode()).digest()


def _changes(sealed, found):
    return aligned_changes(b"".join(map(_hash, sealed)), b"".join(map(_hash, found)))


@pytest.mark.parametrize(
    ("sealed", "found", "expected"),
    [
        ("", "", {}),
        ("ABCD", "ABCD", {}),
        ("ABCD", "AxCD", {"changed": [(1, 1)]}),
        ("ABCD", "xBCy", {"changed": [(0, 0), (3, 3)]}),
        ("ABCD", "wxyz", {"changed": [(0, 0), (1, 1), (2, 2), (3, 3)]}),
        ("ABCD", "ACD", {"dropped": [1]}),
        ("ABCD", "BCD", {"dropped": [0]}),
        ("ABCD", "ABC", {"dropped": [3]}),
        ("ABCD", "", {"dropped": [0, 1, 2, 3]}),
        ("", "AB", {"added": [0, 1]}),
        ("ABCD", "ABxCD", {"added": [2]}),
        ("ABCD", "ABCDx", {"added": [4]}),
        ("ABCD", "xABCD", {"added": [0]}),
        ("ABCD", "ACBD", {"moved": [(1, 2)]}),
        ("ABCDE", "BCDEA", {"moved": [(0, 4)]}),
        ("ABCDE", "EABCD", {"moved": [(4, 0)]}),
        ("ABCD", "DCBA", {"moved": [(0, 3), (1, 2), (2, 1)]}),
        ("ABCD", "ABBCD", {"duplicated": [(1, 2)]}),
        ("ABCD", "ABCDA", {"duplicated": [(0, 4)]}),
        ("ABCD", "DABCD", {"duplicated": [(3, 0)]}),
        ("ABCD", "ABCB", {"dropped": [3], "duplicated": [(1, 3)]}),
        ("AABB", "ABB", {"dropped": [1]}),
        ("AABB", "AAABB", {"duplicated": [(0, 2)]}),
        ("AAAAAA", "AAAA", {"dropped": [4, 5]}),
        ("ABCDEF", "AxCDFy", {"changed": [(1, 1)], "dropped": [4], "added": [5]}),
        ("ABCDEF", "AxyCDEF", {"changed": [(1, 1)], "added": [2]}),
        ("ABCDEF", "AxDEF", {"changed": [(1, 1)], "dropped": [2]}),
        ("ABCDEF", "AECDxF", {"dropped": [1], "added": [4], "moved": [(4, 1)]}),
    ],
)
def test_what_happened_to_the_rows(sealed, found, expected):
    changes = _changes(sealed, found)
    kinds = ("changed", "dropped", "added", "moved", "duplicated")
    assert {kind: list(getattr(changes, kind).first) for kind in kinds if getattr(changes, kind).total} == expected
    assert changes.total == sum(map(len, expected.values()))


def test_a_finding_reads_as_a_phrase():
    assert str(_changes("ABCDEF", "AxCDFyD")) == (
        "1 changed (row 1); 1 dropped (row 4); 1 added (row 5); 1 duplicated (row 3 at 6)"
    )
    assert str(_changes("ABCDE", "BCDEA")) == "1 moved (row 0 to 4)"
    assert str(_changes("ABC", "A")) == "2 dropped (rows 1, 2)"
    assert str(_changes("ABC", "ABC")) == "no row differs"


def test_the_first_twenty_are_named_and_the_rest_counted():
    changes = aligned_changes(bytes(32 * 1000), b"\1" * (32 * 1000))
    assert changes.changed.total == 1000
    assert changes.changed.first == tuple((row, row) for row in range(MOST_NAMED))
    assert str(changes).endswith(", 18, 19 and 980 more)")


def test_hashes_that_begin_alike_are_told_apart():
    sealed = [bytes(31) + bytes([last]) for last in range(6)]
    found = [sealed[place] for place in (0, 2, 1, 3, 5)]
    changes = aligned_changes(b"".join(sealed), b"".join(found))
    assert changes.moved.first == ((1, 2),)
    assert changes.dropped.first == (4,)
    assert changes.total == 2


def test_many_equal_rows_are_counted_without_trying_every_way():
    changes = aligned_changes(b"A" * 32 * 20_000 + b"B" * 32, b"B" * 32 + b"A" * 32 * 19_000)
    assert changes.dropped.total == 1000
    assert changes.moved.first == ((20_000, 0),)
    assert changes.total == 1001


def test_a_large_segment_with_every_kind_of_change():
    leaves = np.frombuffer(hashlib.shake_256(b"rows").digest(32 * 50_000), dtype="V32")
    found = np.concatenate((leaves[:10], leaves[11:40_000], leaves[5:6], leaves[40_000:]))
    found[20_000] = np.void(b"x" * 32)
    found[[30_000, 30_001]] = found[[30_001, 30_000]]
    changes = aligned_changes(leaves.tobytes(), found.tobytes())
    assert changes.dropped.first == (10,)
    assert changes.changed.first == ((20_001, 20_000),)
    assert changes.moved.first == ((30_001, 30_001),)
    assert changes.duplicated.first == ((5, 39_999),)
    assert changes.total == 4


@pytest.mark.parametrize(("sealed", "found"), [(b"x", b""), (b"", b"x" * 31)])
def test_bytes_that_are_no_hashes_are_refused(sealed, found):
    with pytest.raises(LogError, match="whole number of hashes"):
        aligned_changes(sealed, found)


def _common(one, other):
    """Length of a longest common subsequence, by the recurrence."""
    lengths = [0] * (len(other) + 1)
    for first in one:
        row = [0]
        for place, second in enumerate(other):
            row.append(lengths[place] + 1 if first == second else max(row[place], lengths[place + 1]))
        lengths = row
    return lengths[-1]


def _letters(alphabet):
    """Rows that stand at most four times, so that every way to align them is tried."""
    return st.text(alphabet, max_size=10).filter(lambda letters: all(letters.count(each) <= 4 for each in letters))


@settings(deadline=None)
@given(_letters("ABCDEFGH"), _letters("ABCDEFGHxyz"))
def test_every_row_is_accounted_for_and_as_many_as_possible_kept_their_order(sealed, found):
    changes = _changes(sealed, found)
    kept = len(sealed) - changes.changed.total - changes.dropped.total - changes.moved.total
    assert kept == _common(sealed, found)
    others = changes.changed.total + changes.added.total + changes.moved.total + changes.duplicated.total
    assert kept + others == len(found)
    assert (changes.total == 0) == (sealed == found)
    for old, new in changes.moved.first:
        assert sealed[old] == found[new]
    for old, new in changes.duplicated.first:
        assert sealed[old] == found[new]
    for old, new in changes.changed.first:
        assert sealed[old] != found[new]
        assert found[new] not in sealed
    for new in changes.added.first:
        assert found[new] not in sealed
