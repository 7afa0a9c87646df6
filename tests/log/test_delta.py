"""Delta tables read through a mapping: the rows of one version, and no file that was deleted."""

from __future__ import annotations

import base64
import json
import struct
import sys
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import LogError, MisuseError
from audit_lab.log.foreign.delta import delta_files, is_delta
from audit_lab.log.foreign.mapping import Mapping

deltalake = pytest.importorskip("deltalake")

MAPPING = Mapping("lake", {"prediction_id": "id", "occurred_at": "at", "score": "score", "model_version": "release"})
START = datetime(2024, 3, 4, tzinfo=UTC)


def rows(*ids, release="1"):
    times = [START + timedelta(hours=number) for number in range(len(ids))]
    return pl.DataFrame({"id": ids, "at": times, "score": [0.25] * len(ids), "release": [release] * len(ids)})


@pytest.fixture
def table(tmp_path):
    """Version 0 has a, b and c; 1 adds d in a partition of its own; 2 deletes b; 3 overwrites c's score."""
    path = tmp_path / "table"
    rows("a", "b", "c").write_delta(path, delta_write_options={"partition_by": ["release"]})
    rows("d", release="2 / ü%").write_delta(path, mode="append")
    deltalake.DeltaTable(str(path)).delete("id = 'b'")
    deltalake.DeltaTable(str(path)).update(updates={"score": "0.75"}, predicate="id = 'c'")
    return path


def found(table, **options):
    return (
        al.open(table, MAPPING, **options)
        .find()
        .select("prediction_id", "model_version", "outputs")
        .sort("prediction_id")
    )


def scores(frame):
    return [(row[0], row[1], row[2]["score"]) for row in frame.iter_rows()]


def test_the_current_version_is_read_and_no_deleted_file(table):
    assert len(list(table.rglob("*.parquet"))) > len(delta_files(table)[1])
    assert scores(found(table)) == [("a", "1", 0.25), ("c", "1", 0.75), ("d", "2 / ü%", 0.25)]
    assert "Read from version 3 of a Delta table." in al.open(table, MAPPING).notes


@pytest.mark.parametrize(
    ("version", "ids"), [(0, ["a", "b", "c"]), (1, ["a", "b", "c", "d"]), (2, ["a", "c", "d"]), (3, ["a", "c", "d"])]
)
def test_an_earlier_version_is_read_by_its_number(table, version, ids):
    assert found(table, as_of=version)["prediction_id"].to_list() == ids


def test_an_earlier_version_is_read_by_its_moment(table):
    history = deltalake.DeltaTable(str(table)).history()
    first = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=history[-1]["timestamp"])
    later = datetime.now(UTC) + timedelta(days=1)
    assert found(table, as_of=later)["prediction_id"].to_list() == ["a", "c", "d"]
    assert found(table, as_of=first)["prediction_id"].to_list()[:3] == ["a", "b", "c"]
    with pytest.raises(MisuseError, match=r"has no version as of 2020-01-01.*newest version is 3"):
        found(table, as_of="2020-01-01")
    with pytest.raises(MisuseError, match="has no version as of 99"):
        found(table, as_of=99)


def test_a_folder_that_is_no_table_has_no_versions(tmp_path):
    rows("a").write_parquet(tmp_path / "x.parquet")
    assert not is_delta(tmp_path)
    with pytest.raises(MisuseError, match="is no Delta table, so its earlier states are not known"):
        found(tmp_path, as_of=0)


def test_a_place_names_the_file_and_the_row(table):
    log = al.open(table, MAPPING)
    place = log.find("prediction_id = 'd'")["place"][0]
    assert log.decision(place).prediction_id == "d"


def test_a_table_without_the_library_says_what_to_install(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(MisuseError, match=r"is a Delta table.*audit-lab\[delta\]"):
        found(table)


def test_an_unreadable_log_is_told(table):
    for path in (table / "_delta_log").glob("*.json"):
        path.write_text("nonsense")
    with pytest.raises(LogError, match=r"the Delta table .* cannot be read"):
        found(table)


def test_an_empty_table_is_told(tmp_path):
    rows("a").write_delta(tmp_path / "table")
    deltalake.DeltaTable(str(tmp_path / "table")).delete()
    with pytest.raises(MisuseError, match="version 1 of the Delta table .* has no file"):
        found(tmp_path / "table")


def test_a_file_outside_the_table_is_refused(table, tmp_path):
    rows("evil").write_parquet(tmp_path / "outside.parquet")
    commit(table, 4, {"add": added("../outside.parquet", table)})
    with pytest.raises(LogError, match="outside itself"):
        found(table)


def test_rows_deleted_inside_files_are_not_shown_as_if_they_were_there(tmp_path):
    path = tmp_path / "table"
    rows("a", "b", "c").write_delta(path)
    file = next(path.glob("*.parquet")).name
    # The rows 0 and 1 as a roaring bitmap, as the Delta protocol has it.
    bitmap = struct.pack("<IQIIIHHIHH", 1_681_511_377, 1, 0, 12_346, 1, 0, 1, 16, 0, 1)
    alphabets = (
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~",
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#",
    )
    inline = base64.b85encode(bitmap).decode().translate(str.maketrans(*alphabets))
    vector = {"storageType": "i", "pathOrInlineDv": inline, "sizeInBytes": len(bitmap), "cardinality": 2}
    protocol = {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features("deletionVectors")}}
    commit(
        path,
        1,
        protocol,
        {"remove": {"path": file, "dataChange": True, "deletionTimestamp": 1}},
        {"add": {**added(file, path), "deletionVector": vector, "stats": '{"numRecords":3}'}},
    )
    with pytest.raises(LogError, match="rows that were deleted inside its files"):
        found(path)


@pytest.mark.parametrize("feature", ["columnMapping", "variantType"])
def test_a_table_that_means_more_than_its_files_say_is_refused(tmp_path, feature):
    path = tmp_path / "table"
    rows("a").write_delta(path)
    commit(path, 1, {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features(feature)}})
    with pytest.raises(LogError, match=rf"the Delta table .* (uses .*{feature}|cannot be read)"):
        found(path)


def features(name):
    return {"readerFeatures": [name], "writerFeatures": [name]}


def added(path, table):
    size = (table / path).stat().st_size
    partitions = {} if "/" not in path and not path.startswith("..") else {"release": "1"}
    return {"path": path, "partitionValues": partitions, "size": size, "modificationTime": 1, "dataChange": True}


def commit(table, version, *actions):
    """Write a commit as some other system might."""
    lines = [json.dumps(action) for action in actions]
    (table / "_delta_log" / f"{version:020d}.json").write_text("\n".join(lines) + "\n")
