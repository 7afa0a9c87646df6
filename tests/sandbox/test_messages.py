"""Messages cross a pipe whole, or not at all."""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.sandbox import messages
from audit_lab.sandbox.messages import encode, receive, send

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


@settings(max_examples=100, deadline=None)
@given(st.lists(st.dictionaries(st.text(), JSON, max_size=5), max_size=4))
def test_messages_come_out_as_they_went_in(sent):
    reading, writing = os.pipe()
    try:
        for message in sent:
            send(writing, message)
        os.close(writing)
        received = []
        while (message := receive(reading)) is not None:
            received.append(message)
    finally:
        os.close(reading)
    assert received == sent


def test_a_message_longer_than_a_pipe_crosses(pipe):
    message = {"a": "x" * 1_000_000}
    sender = threading.Thread(target=send, args=(pipe[1], message))
    sender.start()
    assert receive(pipe[0]) == message
    sender.join()


@pytest.mark.parametrize("length", [0, 3, 8, 12])
def test_a_message_cut_short_is_none(pipe, length):
    os.write(pipe[1], encode({"a": "b"})[:length])
    os.close(pipe[1])
    assert receive(pipe[0]) is None


def test_the_form_is_a_length_and_a_document():
    assert encode({"a": 1}) == b'\x00\x00\x00\x00\x00\x00\x00\x08{"a": 1}'


def test_a_message_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(messages, "LONGEST", 10)
    with pytest.raises(ValueError, match="12 bytes is longer than 10"):
        encode({"a": "bcd"})
