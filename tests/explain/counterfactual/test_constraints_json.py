"""Constraints as JSON: read back equal, and refused in words where they are anything else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit_lab as al
from audit_lab.errors import MisuseError

NAMES = st.lists(st.text(max_size=8), max_size=3, unique=True)
BOUNDS = st.tuples(*[st.none() | st.integers(-1000, 1000) | st.floats(-1e6, 1e6)] * 2)
STATED = st.builds(
    al.Constraints,
    immutable=NAMES.map(tuple),
    only_up=NAMES.map(tuple),
    only_down=NAMES.map(tuple),
    ranges=st.dictionaries(st.text(max_size=8), BOUNDS, max_size=3),
    categories=st.dictionaries(
        st.text(max_size=8), st.lists(st.text(max_size=8) | st.booleans(), max_size=3).map(tuple), max_size=3
    ),
    one_of=st.lists(NAMES.map(tuple), max_size=2).map(tuple),
)


@given(STATED)
def test_what_is_written_reads_back_to_the_same(stated):
    written = stated.to_dict()
    assert al.Constraints.parse(json.dumps(written).encode()).to_dict() == written


def test_each_member_may_be_left_out():
    assert al.Constraints.parse(b"{}") == al.Constraints()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("[]", "object"),
        ("{", "JSON"),
        ('{"immutable": ["a"], "immutable": ["b"]}', "immutable"),
        ('{"other": 1}', "other"),
        ('{"immutable": "age"}', "immutable is no list"),
        ('{"only_up": [1]}', "only_up is no list of features"),
        ('{"ranges": ["a"]}', "ranges is no object of features"),
        ('{"ranges": {"a": [1]}}', "the range of a is no list of a lowest and a highest number"),
        ('{"ranges": {"a": [true, 2]}}', "the range of a is no list of a lowest and a highest number"),
        ('{"categories": {"a": "b"}}', "a is no list"),
        ('{"one_of": ["a"]}', "group of one_of is no list"),
    ],
)
def test_anything_else_is_refused(document, said):
    with pytest.raises(MisuseError) as refused:
        al.Constraints.parse(document.encode(), "c.json")
    assert said in str(refused.value)


def test_a_file_that_is_too_long_is_refused(tmp_path):
    path = tmp_path / "c.json"
    path.write_bytes(b" " * 1_000_001)
    with pytest.raises(MisuseError, match="is longer than 1,000,000 bytes"):
        al.Constraints.read(path)
