"""An array of JSON is split into its elements whatever its size, however its bytes come, and wherever it is cut."""

from __future__ import annotations

import hashlib
import json
import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.capture.adapters import json_array
from audit_lab.capture.adapters.json_array import first_element, split_array

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab"\\[]{},\n', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('a"}', max_size=3), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(st.sampled_from(["id", "data"]), VALUES), max_size=6)


def pieces(text, size):
    return iter([text[at : at + size] for at in range(0, len(text), size)])


def split(text, size=7, longest=1_000):
    """Return the elements of a text, and why some are refused, with how many bytes were held at least."""
    found = list(split_array(pieces(text, size), longest))
    return [raw for each in found for raw in each.raws if each.refusal is None], [
        each.refusal for each in found if each.refusal is not None
    ]


@pytest.fixture(params=[40, 1 << 20])
def held(request, monkeypatch):
    """Split with little held at a time as well, so that elements lie across it."""
    monkeypatch.setattr(json_array, "_HELD_BYTES", request.param)


def each_way(records):
    yield json.dumps(records).encode()
    yield json.dumps(records, indent=2).encode()
    yield b"\xef\xbb\xbf [" + b" ,\n".join(json.dumps(each).encode() for each in records) + b"]\n"


@given(records=RECORDS, size=st.integers(1, 50), few=st.booleans())
def test_elements_are_those_that_a_parser_finds(records, size, few):
    for text in each_way(records):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(json_array, "_HELD_BYTES", 30 if few else 1 << 20)
            found, refused = split(text, size)
        assert [json.loads(each) for each in found] == records
        assert not refused


@given(records=RECORDS, data=st.data())
def test_of_an_array_that_is_cut_every_whole_element_is_given_and_that_it_is_cut(records, data):
    text = json.dumps(records, indent=data.draw(st.sampled_from([None, 1]))).encode()
    cut = data.draw(st.integers(1, len(text) - 1))
    found, refused = split(text[:cut], data.draw(st.integers(1, 50)))
    whole = [json.loads(each) for each in found]
    assert whole == records[: len(whole)]
    # Each byte is in an element, or in the one that was begun, or between them; and whatever follows is not there.
    (only,) = refused
    ends = [at for at in _ends(text, records) if at <= cut]
    between = text[ends[-1] if ends else 1 : cut].strip(b" ,\n")
    assert len(whole) == len(ends)
    assert (only.code, only.rows, only.first_byte) == ("truncated", *((1, None) if between else (0, cut)))


def _ends(text, records):
    """Yield where each element of an array ends, as msgspec has them."""
    at = 1
    for raw in msgspec.json.decode(text, type=list[msgspec.Raw]):
        said = memoryview(raw).tobytes()
        at = text.index(said, at) + len(said)
        yield at


def test_an_element_that_is_no_json_is_left_to_its_reader_and_the_next_one_is_found(held):
    text = b'[{"id": 1}, {"id": }, {"id": "a]}"}, nothing, {"id": 2],{"id": [3}}, , {"id": 4},]'
    found, refused = split(text)
    assert found == [
        *(b'{"id": 1}', b'{"id": }', b'{"id": "a]}"}', b"nothing", b'{"id": 2]', b'{"id": [3}}', b"", b'{"id": 4}'),
    ]
    assert not refused


def test_numbers_that_json_does_not_have_are_given_as_they_are_written(held):
    records = [b'{"a": NaN, "id": "NaN"}', b'{"a": -Infinity}', b'{"a": [Infinity, 0.0]}', b'{"a": 0.0}'] * 30
    assert split(b"[" + b", ".join(records) + b"]") == (records, [])
    found, (only,) = split(b"[" + b", ".join(records)[:-4])
    assert (found, only.code, only.rows) == (records[:-1], "truncated", 1)


def test_a_quote_that_is_missing_makes_the_rest_uncounted_and_not_one_record(held):
    text = b'[{"id": 1}, {"id": "two}, {"id": 3}, {"id": 4}]'
    found, (only,) = split(text)
    assert found == [b'{"id": 1}']
    assert (only.code, only.rows, only.first_byte, only.stop_byte) == ("undecodable", 0, 11, len(text))
    assert "from byte 11" in only.reason


def test_arrays_that_follow_one_another_and_lines_behind_them_are_read(held):
    found, refused = split(b'[{"id": 1}]\n[{"id": 2}, {"id": 3}]\n[]\n{"id": 4}\r\n\n{"id": 5}')
    assert ([json.loads(each)["id"] for each in found], refused) == ([1, 2, 3, 4, 5], [])


def test_an_element_that_is_too_long_passes_without_being_held(monkeypatch):
    monkeypatch.setattr(json_array, "_HELD_BYTES", 40)
    long = json.dumps({"id": 'x"\\' * 3_000}).encode()
    found, (only,) = split(b'[{"id": 1}, ' + long + b', {"id": 2}]', longest=100)
    assert [json.loads(each)["id"] for each in found if len(each) <= 100] == [1, 2]
    assert only.code == "too-large"
    assert (only.size, only.rows) == (len(long) + 1, 1)
    assert only.sha256 == hashlib.sha256(b" " + long).hexdigest()


def test_memory_does_not_grow_with_an_array():
    one = b'{"id": "k1", "data": {"instances": [{"a": 1.5}, {"b": "x"}], "more": {"c": 1}}}'

    def content():
        yield b"["
        for _ in range(3_000):
            yield (one + b",") * 200
        yield one + b"]"

    tracemalloc.start()
    count = sum(len(each.raws) for each in split_array(content(), 1_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 600_001
    assert peak < 16_000_000


def test_a_body_of_a_hundred_megabytes_passes_without_being_held():
    def content():
        yield b'[{"id": 1}, {"id": 2, "data": "'
        for _ in range(100):
            yield b"x" * 1_000_000
        yield b'"}, {"id": 3}]'

    tracemalloc.start()
    found, longest = list(split_array(content(), 16_000_000)), tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [raw for each in found if each.refusal is None for raw in each.raws] == [b'{"id": 1}', b'{"id": 3}']
    (refusal,) = (each.refusal for each in found if each.refusal is not None)
    assert (refusal.code, refusal.rows, refusal.size) == ("too-large", 1, 100_000_022)
    assert longest < 80_000_000


def test_damage_of_a_packed_file_ends_what_can_be_read():
    def damaged():
        yield b'[{"id": 1}, {"id'
        raise EOFError("it ended")

    (first, second) = split_array(damaged(), 100)
    assert first.raws == [b'{"id": 1}']
    assert (second.raws, second.refusal.rows, second.refusal.first_byte) == ([b'{"id'], 0, 11)
    assert "it ended" in second.refusal.reason


def test_the_first_element_of_an_array_is_told_from_its_beginning():
    assert first_element(b' [ {"a": [1, "],"]} , {"b"') == b'{"a": [1, "],"]}'
    assert first_element(b'[{"a": 1') is None
    assert first_element(b'{"a": 1}') is None
