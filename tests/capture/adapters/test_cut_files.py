"""A file of each form, cut at any byte: what is read is kept or refused, and what nobody can count is said.

How many records a cut file has is told here from how it was written, not by what reads it.
"""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

import audit_lab as al
from audit_lab.capture.adapters.exchange import Refusal
from audit_lab.capture.adapters.forms import FORMS
from audit_lab.capture.adapters.settings import Settings
from audit_lab.capture.adapters.source import source_files
from audit_lab.log.foreign.mapping import Mapping

FIXTURES = Path(__file__).with_name("fixtures")
MAPPING = Mapping(
    "x",
    {"prediction_id": "id", "occurred_at": "time", "model_version": "version", "score": "score"},
    inputs=("inputs.amount",),
    model_name="loans",
)
SAID = Settings(mapping=MAPPING)
SYNC = b"the end of block"
LINES = {
    "sagemaker": "sagemaker",
    "kserve": "kserve",
    "seldon": "seldon",
    "azureml": "azureml",
    "databricks": "databricks-legacy",
    "vertex": "vertex",
    "json-lines": "json-lines",
}


class Whole(NamedTuple):
    """A file that is to be cut: its form, its bytes, and where each of its records begins and ends."""

    form: str
    content: bytes
    records: list[tuple[int, int]]


def fixture_lines(form):
    lines = (FIXTURES / f"{LINES[form]}.jsonl").read_bytes().split(b"\n")
    return [line for line in lines if line.strip()]


def of_lines(form):
    content, records = b"", []
    for line in fixture_lines(form):
        records.append((len(content), len(content) + len(line)))
        content += line + b"\n"
    return Whole(form, content, records)


def of_array(form):
    content, records = b"[\n", []
    good = [line for line in fixture_lines(form) if is_object(line)]
    for number, line in enumerate(good):
        records.append((len(content), len(content) + len(line)))
        content += line + (b"\n]" if number == len(good) - 1 else b", ")
    return Whole(form, content, records)


def is_object(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def read(path, whole, content):
    """Return the records of a file as a form reads them: how many, how many stand alone, and where nobody can count."""
    path.write_bytes(content)
    (file,), _ = source_files(path)
    chunks = list(FORMS[whole.form].read(file, 0, SAID))
    numbers = [number for chunk in chunks for number in chunk.numbers]
    assert numbers == sorted(set(numbers))
    found = [each for chunk in chunks if isinstance(chunk.found, list) for each in chunk.found]
    refused = [each for each in found if isinstance(each, Refusal)]
    unread = [(each.first_byte, each.stop_byte) for each in refused if each.first_byte is not None]
    stated = sum(each.rows for each in refused)
    rows = sum(chunk.rows for chunk in chunks)
    assert rows == len(numbers) - len(refused) + stated
    return rows, rows - stated, unread


@pytest.mark.parametrize("form", list(LINES))
def test_lines_that_are_cut_anywhere_are_counted_to_the_one_that_was_begun(tmp_path, form):
    whole = of_lines(form)
    _, taken, _ = read(tmp_path / "whole", whole, whole.content)
    for cut in range(0, len(whole.content), 7):
        rows, alone, unread = read(tmp_path / "cut", whole, whole.content[:cut])
        assert rows == sum(begin < cut for begin, _ in whole.records)
        assert (unread, alone <= taken) == ([], True)


@pytest.mark.parametrize("form", list(LINES))
def test_an_array_that_is_cut_anywhere_gives_every_whole_record_and_says_that_it_has_no_end(tmp_path, form):
    whole = of_array(form)
    rows, _, unread = read(tmp_path / "whole", whole, whole.content)
    assert (rows, unread) == (len(whole.records), [])
    for cut in range(2, len(whole.content), 7):
        rows, _, unread = read(tmp_path / "cut", whole, whole.content[:cut])
        assert rows == sum(begin < cut for begin, _ in whole.records)
        inside = any(begin < cut < end for begin, end in whole.records)
        assert unread == ([] if inside else [(cut, None)])


@pytest.mark.parametrize("shape", [of_lines, of_array])
def test_a_packed_file_that_is_cut_anywhere_is_read_as_far_as_it_goes_and_the_rest_is_not_counted(tmp_path, shape):
    whole = shape("kserve")
    packed = gzip.compress(whole.content, mtime=0)
    starts = {0, *(end for _, end in whole.records)}
    for cut in range(20, len(packed), 11):
        rows, _, unread = read(tmp_path / "cut", whole, packed[:cut])
        ((first, stop),) = unread
        assert (rows, stop) == (sum(end <= first for _, end in whole.records), None)
        assert any(0 <= first - start <= 2 for start in starts)


def container():
    fastavro = pytest.importorskip("fastavro")
    schema = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "id", "type": "string"}, {"name": "score", "type": "double"}],
    }
    out, ends = io.BytesIO(), []
    writer = fastavro.write.Writer(out, schema, codec="deflate", sync_marker=SYNC)
    ends.append(out.tell())
    for number in range(9):
        writer.write({"id": f"p{number}", "score": 0.5})
        if number % 3 == 2:
            writer.flush()
            ends.append(out.tell())
    return out.getvalue(), ends


def test_a_container_of_avro_that_is_cut_anywhere_counts_what_can_be_decoded_and_not_what_a_block_states(tmp_path):
    content, ends = container()
    whole = Whole("avro", content, [])
    for cut in range(1, len(content)):
        rows, alone, unread = read(tmp_path / "cut", whole, content[:cut])
        if cut < ends[0]:
            assert (rows, unread) == (0, [(0, cut)])
            continue
        blocks = sum(end <= cut for end in ends[1:])
        behind = cut - ends[blocks]
        # Where only the mark behind it is cut, a block has as many records as it states: all of them can be decoded.
        is_there = blocks < 3 and behind and cut >= ends[blocks + 1] - len(SYNC)
        assert (alone, rows) == (3 * blocks, 3 * blocks + (3 if is_there else 0))
        assert unread == ([(ends[blocks], cut)] if behind and not is_there else [])


def table(form):
    lines = [json.loads(line) for line in fixture_lines(form) if is_object(line)][:3]
    rows = [{name: str(value) for name, value in line.items() if value is not None} for line in lines]
    if form == "kserve":
        rows = [{"id": "k", "bytes": "e30=", "reqType": "x.request", "inferenceService": "loans"}] * 3
    out = io.BytesIO()
    pl.DataFrame(rows).write_parquet(out)
    return out.getvalue()


@pytest.mark.parametrize("form", ["kserve", "databricks", "vertex"])
def test_a_table_of_parquet_that_is_cut_anywhere_has_rows_that_nobody_can_count(tmp_path, form):
    content = table(form)
    whole = Whole(form, content, [])
    assert read(tmp_path / "whole", whole, content)[0] == 3
    for cut in range(4, len(content), 13):
        assert read(tmp_path / "cut", whole, content[:cut]) == (0, 0, [(0, cut)])


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize(
    ("form", "name"), [("kserve", "a.json"), ("sagemaker", "a.jsonl"), ("avro", "a.avro"), ("vertex", "a.parquet")]
)
def test_what_a_report_counts_of_a_cut_file_is_kept_or_quarantined(adapting, form, name, share):
    content = {
        "a.json": lambda: of_array(form).content,
        "a.jsonl": lambda: of_lines(form).content,
        "a.avro": lambda: container()[0],
        "a.parquet": lambda: table(form),
    }[name]()
    cut = int(len(content) * share)
    report = adapting({name: content[:cut]}, form=form, mapping=MAPPING if form == "avro" else None)
    kept = report.quarantine()
    assert report.rows_read == report.rows_kept + report.rows_quarantined
    assert report.rows_quarantined == kept["rows"].sum()
    spans = kept.filter(pl.col("first_byte").is_not_null()).select("first_byte", "stop_byte").rows()
    assert report.files[0].unread == tuple(spans)
    assert report.unread_ranges == len(spans)
    events = al.open(adapting.log)._store.table("events").filter(kind="ingest.part").collect()
    said = [each for text in events["payload"] for each in json.loads(text)["files"]]
    assert [tuple(span) for each in said for span in each.get("unread", ())] == spans
    assert ("at least" in events["summary"][0]) == bool(spans)


@pytest.mark.parametrize("form", ["sagemaker", "avro"])
def test_what_was_read_to_the_end_of_a_chunk_is_gone_on_with_behind_it(tmp_path, monkeypatch, form):
    monkeypatch.setattr("audit_lab.capture.adapters.json_records._AT_ONCE", 2)
    monkeypatch.setattr("audit_lab.capture.adapters.json_array._HELD_BYTES", 500)
    monkeypatch.setattr("audit_lab.capture.adapters.lines._BLOCK_BYTES", 300)
    monkeypatch.setattr("audit_lab.capture.adapters.avro._AT_ONCE", 2)
    content, ends = container()
    # A block whose numbers cannot be read has a place among the records, and is none.
    damaged = content[: ends[1]] + b"\x05" + content[ends[1] + 1 :]
    (tmp_path / "a").write_bytes(damaged if form == "avro" else of_array(form).content[:-3])
    (file,), _ = source_files(tmp_path / "a")

    def told(start):
        chunks = list(FORMS[form].read(file, start, SAID))
        return [(number, raw) for chunk in chunks for number, raw in zip(chunk.numbers, chunk.raws, strict=True)], [
            chunk.next_start for chunk in chunks
        ]

    whole, stops = told(0)
    assert len(stops) > 2
    assert form != "avro" or [number for number, _ in whole] == [1, 2, 3, 4, 5, 6, 7]
    for stop in stops:
        assert told(stop)[0] == [each for each in whole if each[0] > stop]


def test_the_statement_of_completeness_says_what_of_a_source_nobody_could_count(adapting):
    content, ends = container()
    adapting({"b.parquet": table("kserve")[:-9], "a.json": of_array("kserve").content[:2_000]}, form="kserve")
    covered = al.open(adapting.log).coverage()
    report = adapting(form="kserve")
    assert covered.unread.height == report.unread_ranges == 1
    (row,) = covered.unread.select("file", "records", "first_byte", "stop_byte").rows()
    assert row == ("b.parquet", 0, 0, len(table("kserve")) - 9)
    said = "The file b.parquet was taken over with at least 0 records: how many more stand in it from byte 0 to byte"
    assert any(line.startswith(said) for line in covered.summary())
    assert covered.to_dict()["unread"] == covered.unread.to_dicts()
    adapting({"c.avro": content[: ends[2] + 1]}, source=adapting.source / "c.avro", mapping=MAPPING)
    again = al.open(adapting.log).coverage().unread
    assert again.select("file", "records").rows() == [("b.parquet", 0), ("c.avro", 6)]


def test_a_log_into_which_nothing_was_taken_over_has_nothing_uncounted(adapting):
    adapting({"a.jsonl": of_lines("kserve").content})
    covered = al.open(adapting.log).coverage()
    assert covered.unread.is_empty()
    assert not any("cannot be told" in line for line in covered.summary())
