"""Attack 34: Parquet files that declare 2^40 rows, nest 10,000 deep, or crash their reader. The process lives."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from audit_lab.log.integrity.decoder import Decoder
from audit_lab.seal.digests import sha256
from audit_lab.seal.entry_kinds import PlacementEntry

UNREADABLE, BEYOND, CRASHES = "log.file-unreadable", "log.file-beyond-limits", "log.file-crashes-reader"


@pytest.fixture(scope="session")
def hostile(sealed_log_once, parquet_footer):
    """Return a function that makes hostile files from a good one."""
    content = (sealed_log_once.folder / sealed_log_once.files("events")[0]).read_bytes()
    return Hostile(content, parquet_footer)


class Hostile:
    def __init__(self, content, thrift):
        self.content, self.thrift = content, thrift

    def edited(self, change):
        pages, footer = self.thrift.taken_apart(self.content)
        change(footer)
        return self.thrift.put_together(pages, footer)

    def columns(self, footer):
        (group,) = footer[self.thrift.GROUPS][1][1]
        return group, [column[self.thrift.METADATA][1] for column in group[self.thrift.GROUP_COLUMNS][1][1]]

    def rows(self, count, *, everywhere):
        def change(footer):
            thrift = self.thrift
            footer[thrift.ROWS] = (thrift.I64, count)
            group, columns = self.columns(footer)
            if everywhere:
                group[thrift.GROUP_ROWS] = (thrift.I64, count)
                for column in columns:
                    column[thrift.VALUES] = (thrift.I64, count)

        return self.edited(change)

    def nested(self, depth):
        def change(footer):
            thrift = self.thrift
            groups = [
                {
                    thrift.REPETITION: (thrift.I32, 1),
                    thrift.NAME: (thrift.BINARY, b"g"),
                    thrift.CHILDREN: (thrift.I32, 1),
                }
            ] * depth
            root = {thrift.NAME: (thrift.BINARY, b"root"), thrift.CHILDREN: (thrift.I32, 1)}
            leaf = {1: (thrift.I32, 1), thrift.REPETITION: (thrift.I32, 1), thrift.NAME: (thrift.BINARY, b"leaf")}
            footer[thrift.SCHEMA] = (thrift.LIST, (thrift.STRUCT, [root, *groups, leaf]))
            footer.pop(5, None)

        return self.edited(change)

    def column_sizes(self, size, *fields):
        def change(footer):
            for column in self.columns(footer)[1]:
                for field in fields:
                    column[getattr(self.thrift, field)] = (self.thrift.I64, size)

        return self.edited(change)

    def required(self):
        """Columns that hold nulls are declared to hold none; reading the footer ends a process that does it itself."""

        def change(footer):
            for element in footer[self.thrift.SCHEMA][1][1][1:]:
                element[self.thrift.REPETITION] = (self.thrift.I32, 0)

        return self.edited(change)

    def children(self, count):
        def change(footer):
            footer[self.thrift.SCHEMA][1][1][0][self.thrift.CHILDREN] = (self.thrift.I32, count)

        return self.edited(change)

    def groups(self, count):
        def change(footer):
            (group,) = footer[self.thrift.GROUPS][1][1]
            footer[self.thrift.GROUPS] = (self.thrift.LIST, (self.thrift.STRUCT, [group] * count))

        return self.edited(change)


CASES = {
    "rows": (lambda make: make.rows(2**40, everywhere=False), BEYOND),
    "rows everywhere": (lambda make: make.rows(2**40, everywhere=True), BEYOND),
    "negative rows": (lambda make: make.rows(-1, everywhere=True), BEYOND),
    "nested 150 deep": (lambda make: make.nested(150), BEYOND),
    "nested 10,000 deep": (lambda make: make.nested(10_000), BEYOND),
    "unpacks to 2^40 bytes": (lambda make: make.column_sizes(2**40, "UNCOMPRESSED"), BEYOND),
    "packed in 2^40 bytes": (lambda make: make.column_sizes(2**40, "COMPRESSED"), BEYOND),
    "pages beyond the end": (lambda make: make.column_sizes(2**62, "DATA_OFFSET", "DICTIONARY_OFFSET"), UNREADABLE),
    "2^31 columns": (lambda make: make.children(2**31 - 1), UNREADABLE),
    "negative columns": (lambda make: make.children(-1), UNREADABLE),
    "1,000 row groups for two rows": (lambda make: make.groups(1_000), BEYOND),
    "crashes its reader": (lambda make: make.required(), CRASHES),
    "footer longer than the file": (lambda make: make.content[:-8] + b"\xff\xff\xff\x7fPAR1", UNREADABLE),
    "no footer": (lambda make: b"PAR1PAR1", UNREADABLE),
    "nothing": (lambda make: b"", UNREADABLE),
    "text": (lambda make: b"a,b\n1,2\n" * 100, UNREADABLE),
    "cut": (lambda make: make.content[: len(make.content) // 2], UNREADABLE),
    "zeros between": (lambda make: b"PAR1" + bytes(4096) + b"PAR1", UNREADABLE),
}


def test_clean_log_holds_and_the_tools_of_this_test_change_nothing(sealed_log, hostile):
    assert sealed_log.found() == set()
    assert hostile.edited(lambda footer: None) == hostile.content


@pytest.mark.parametrize("case", CASES)
def test_file_with_another_digest_is_refused_and_the_process_lives(sealed_log, hostile, case):
    make, code = CASES[case]
    (path,) = sealed_log.files("events")
    (sealed_log.folder / path).write_bytes(make(hostile))
    report = sealed_log.report()
    assert {(each.code, each.file) for each in report.findings} == {("log.segment-changed", path), (code, path)}
    assert "64 rows: their hashes recomputed from their values" in report.checked


@pytest.mark.parametrize(
    "case", ["rows everywhere", "nested 10,000 deep", "crashes its reader", "pages beyond the end"]
)
def test_file_whose_digest_was_sealed_is_refused_too(sealed_log, hostile, case):
    """Whoever has the log's key can seal such a file: the digest says nothing about what is in it."""
    make, code = CASES[case]
    (path,) = sealed_log.files("events")
    content = make(hostile)
    (sealed_log.folder / path).write_bytes(content)

    def change(entry):
        if isinstance(entry, PlacementEntry) and entry.file == path:
            return replace(entry, sha256=sha256(content), size_bytes=len(content))
        return entry

    sealed_log.seal_again(change)
    assert sealed_log.found() == {code}


def test_bomb_of_one_repeated_text_is_refused_within_bounded_memory(tmp_path):
    """A valid file of half a kilobyte whose rows are 80 gigabytes of text once each is written out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 4_000_000]))
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"text": text}), path, compression="zstd", write_statistics=False, store_schema=False)
    assert path.stat().st_size < 1_000
    part = {"segment": "s", "first_row": 0, "rows": 20_000, "schema": [["text", "str"]], "committed": False}
    part |= {"time": None, "numbered": False, "key": ["text"], "has_leaves": False, "has_keys": False, "kept": None}
    with Decoder(memory_bytes=3_000_000_000) as decoder:
        answer = decoder.ask({"path": str(path), "parts": [part]})
    assert answer["refused"] == BEYOND


def test_file_that_takes_too_long_is_given_up(tmp_path):
    os.mkfifo(tmp_path / "never.parquet")
    with Decoder(least_seconds=1.0) as decoder:
        answer = decoder.ask({"path": str(tmp_path / "never.parquet"), "parts": []})
    assert answer == {"refused": BEYOND, "why": "reading it did not end within 1 s"}


def test_reader_is_started_again_after_a_crash(sealed_log, hostile, tmp_path):
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    good.write_bytes(hostile.content)
    bad.write_bytes(hostile.required())
    with Decoder() as decoder:
        answers = [decoder.ask({"path": str(path), "parts": []}) for path in (good, bad, good)]
    assert [answer.get("refused") for answer in answers] == [None, CRASHES, None]
    assert answers[0] == answers[2] == {"rows": 2, "parts": []}
