"""A file that is read a second time is held to what was digested the first time."""

from __future__ import annotations

from itertools import count

import pytest

from audit_lab.seal.malformed import MalformedError
from audit_lab.verifier.contents import MOST_DOCUMENT_BYTES, Contents


class Container:
    """One file, of other bytes each time it is read where it is so made."""

    names = ("data/x",)

    def __init__(self, size_bytes=1, *, changes=False):
        self.size, self.changes, self.times = size_bytes, changes, count()

    def size_bytes(self, _name):
        return self.size

    def recorded_crc(self, _name):
        return None

    def chunks(self, _name):
        yield b"%d" % (next(self.times) if self.changes else 7)


def test_the_same_bytes_are_given_again():
    contents = Contents(Container(), frozenset())
    assert (contents.again("data/x"), contents.again("data/x")) == (b"7", b"7")


def test_bytes_that_changed_meanwhile_are_refused():
    contents = Contents(Container(changes=True), frozenset())
    assert contents.digest("data/x")
    with pytest.raises(MalformedError) as caught:
        contents.again("data/x")
    assert caught.value.code == "bundle.file-changed"


def test_a_file_that_is_too_large_is_not_read_whole():
    contents = Contents(Container(MOST_DOCUMENT_BYTES + 1), frozenset())
    with pytest.raises(MalformedError) as caught:
        contents.again("data/x")
    assert caught.value.code == "archive.document-too-large"
