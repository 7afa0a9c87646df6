"""Drift from what is known of each file: the same bytes as without, and of a log that grew only what is new is read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import audit_lab as al
from audit_lab.errors import LogError
from audit_lab.face import drift_search
from audit_lab.log.index.sketch_cache import SketchCache
from audit_lab.monitor import bins, sketch, tallied

ROWS = 40
TABLES = ("predictions", "inputs/loans")
#: The first day of the log.
DAY = ("2024-03-04", "2024-03-05")


@pytest.fixture(autouse=True)
def large(monkeypatch):
    """Logs that are large enough to be read file by file, and columns with very many values, of few rows."""
    monkeypatch.setattr("audit_lab.monitor.counts._VALUES_KEPT", 0)
    monkeypatch.setattr(bins, "MOST_VALUES", 8)


def split(folder, *edges):
    """Cut the files of both tables at these rows."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    for table in TABLES:
        path = folder / table / "part-00000.parquet"
        frame = pl.read_parquet(path)
        path.unlink()
        manifest["tables"][table]["segments"] = [
            entry(folder, f"{table}/part-{number:05d}.parquet", frame[first:last])
            for number, (first, last) in enumerate(zip((0, *edges), (*edges, frame.height), strict=True))
        ]
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return folder


def entry(folder, name, frame):
    frame.write_parquet(folder / name)
    content = (folder / name).read_bytes()
    times = frame["occurred_at"] if "occurred_at" in frame.columns else None
    return {
        "path": name,
        "rows": frame.height,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "first_time": None if times is None else times.min().isoformat(),
        "last_time": None if times is None else times.max().isoformat(),
    }


def first_segments(folder, count, to):
    """Return a copy of a log that has only its first segments."""
    shutil.copytree(folder, to)
    manifest = json.loads((to / "manifest.json").read_text("utf-8"))
    for table in TABLES:
        del manifest["tables"][table]["segments"][count:]
    (to / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return to


def add_segments(folder, grown):
    (folder / "manifest.json").write_bytes((grown / "manifest.json").read_bytes())


def spoil(folder, segments):
    """Overwrite the pages of the first segments, leaving footers, sizes and times: reading a value there fails."""
    for table in TABLES:
        for number in range(segments):
            path = folder / table / f"part-{number:05d}.parquet"
            status, content = path.stat(), bytearray(path.read_bytes())
            footer = int.from_bytes(content[-8:-4], "little") + 8
            content[4:-footer] = b"\xff" * (len(content) - footer - 4)
            path.write_bytes(content)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def asked(folder, **options):
    options = {"every": "1d", "reference": DAY, **options}
    return json.dumps(al.open(folder).drift(**options).to_dict(), sort_keys=True, default=str)


def empty():
    SketchCache().clear()


def test_the_same_question_reads_no_row(make_log):
    log = split(make_log(), 12, 30)
    first = asked(log)
    spoil(log, 3)
    assert asked(log) == first
    empty()
    with pytest.raises(LogError):
        asked(log)


def test_of_a_log_that_grew_only_the_new_files_are_read(make_log, tmp_path):
    whole = split(make_log(), 12, 30)
    grown = first_segments(whole, 2, tmp_path / "grown")
    asked(grown)
    add_segments(grown, whole)
    spoil(grown, 2)
    found = asked(grown)
    empty()
    assert found == asked(whole)
    assert json.loads(found)["volume"][-1]["rows"] > 0


@pytest.fixture(params=[32_768, 12, 3])
def most_tallied(request, monkeypatch):
    """Columns of which all, some or none have too many values to be counted one by one."""
    monkeypatch.setattr(tallied, "_MOST_TALLIED", request.param)


@pytest.mark.usefixtures("most_tallied")
@pytest.mark.parametrize("reference", [None, DAY, ("2020-01-01", "2030-01-01"), ("2024-03-04", "2024-03-04T12:00")])
def test_what_is_found_is_what_is_counted_without_files(make_log, monkeypatch, reference):
    log = split(make_log(), 7, 21, 22)
    options = {"every": "1d", "reference": reference}
    found, again = (al.open(log).drift(**options) for _ in range(2))
    assert json.dumps(again.to_dict(), default=str) == json.dumps(found.to_dict(), default=str)
    monkeypatch.setattr(drift_search, "_filed", lambda *_: None)
    plain = al.open(log).drift(**options)
    assert_frame_equal(found.table, plain.table, check_exact=False, rel_tol=1e-12)
    assert found.reference.sha256 == plain.reference.sha256
    assert found.facts == plain.facts
    assert found.calibration == plain.calibration
    assert [one.binned.tolist() for one in found.counts] == [one.binned.tolist() for one in plain.counts]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, ROWS - 1), unique=True, max_size=5).map(sorted), st.data())
def test_with_what_is_known_the_answer_has_the_same_bytes(make_log, tmp_path, edges, data):
    known = data.draw(st.integers(1, len(edges) + 1))
    name = "-".join(map(str, ["log", known, *edges]))
    if (tmp_path / name).exists():
        return
    log = split(make_log(name), *edges)
    some = first_segments(log, known, tmp_path / f"{name}-some")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path / f"{name}-cache"))
        options = {"every": "1d", "reference": ("2020-01-01", "2030-01-01")}
        asked(some, **options)
        add_segments(some, log)
        found, again = asked(some, **options), asked(some, **options)
        empty()
        assert found == again == asked(some, **options)


def shuffled(frame):
    return frame.sample(fraction=1.0, shuffle=True, seed=3)


@pytest.mark.parametrize(
    "changed",
    [
        {"inputs_loans": shuffled},
        {"inputs_loans": lambda frame: frame[1:]},
        {
            "inputs_loans": lambda frame: frame.with_columns(
                prediction_id=pl.Series([*frame["prediction_id"][:39], "p-000"])
            )
        },
        {
            name: lambda frame: frame.with_columns(prediction_id=pl.Series([*frame["prediction_id"][:39], "p-000"]))
            for name in ("predictions", "inputs_loans")
        },
        {"predictions": lambda frame: frame.with_columns(model_name=pl.Series(["loans"] * 39 + ["other"]))},
    ],
)
def test_rows_that_do_not_pair_are_read_as_wholes(make_log, monkeypatch, changed):
    log = split(make_log(**changed), 10)
    options = {"every": "1d", "model": "loans"}
    store = al.open(log)._store
    filed = drift_search._filed(store, "loans")
    assert filed is None or not filed.pairs.hold()
    found = [asked(log, **options) for _ in range(2)]
    monkeypatch.setattr(drift_search, "_filed", lambda *_: None)
    assert found == [asked(log, **options)] * 2


def test_a_file_that_was_rewritten_is_read_again(make_log):
    log = split(make_log(), 12)
    before = asked(log)
    path = log / "inputs" / "loans" / "part-00001.parquet"
    pl.read_parquet(path).with_columns(city=pl.lit("Paris")).write_parquet(path)
    after = asked(log)
    assert after != before
    empty()
    assert asked(log) == after


def test_damaged_files_of_the_cache_change_nothing(make_log):
    log = split(make_log(), 12)
    first = asked(log)
    kept = list(SketchCache().folder.rglob("*.sketch"))
    assert len(kept) == 8
    for number, path in enumerate(kept):
        content = bytearray(path.read_bytes())
        content[len(content) * (number + 1) // 9] ^= 0xFF
        path.write_bytes(content)
    assert asked(log) == first


def test_sketches_that_cannot_be_of_these_windows_are_not_believed(make_log, monkeypatch):
    log = split(make_log(), 12)
    first = asked(log)
    genuine = SketchCache.find

    def forged(self, of, question, schemas):
        found = genuine(self, of, question, schemas)
        if found is None or set(schemas) != set(sketch.SCHEMAS):
            return found
        return {**found, "volume": found["volume"].with_columns(window=pl.lit(10**9, dtype=pl.Int64))}

    monkeypatch.setattr(SketchCache, "find", forged)
    assert asked(log) == first


def test_versions_are_counted_by_file_too(make_log, monkeypatch):
    versions = pl.Series(["1"] * 15 + ["2"] * 25)
    log = split(make_log(predictions=lambda frame: frame.with_columns(model_version=versions)), 10, 20)
    found = [al.open(log).drift(every="version") for _ in range(2)]
    assert found[0].volume["rows"].to_list() == [15, 25]
    monkeypatch.setattr(drift_search, "_filed", lambda *_: None)
    plain = al.open(log).drift(every="version")
    for one in found:
        assert_frame_equal(one.table, plain.table, check_exact=False, rel_tol=1e-12)


def test_missing_infinite_and_untimed_values_are_stated_as_without_files(make_log, monkeypatch):
    def odd(frame):
        income = frame["income"].to_numpy().copy()
        income[[3, 4, 30]] = np.nan
        income[[5, 31]] = np.inf
        return frame.with_columns(income=pl.Series(income), years=pl.lit(None, dtype=pl.Int64))

    times = pl.when(pl.col("sequence").is_in([2, 25])).then(None).otherwise("occurred_at")
    log = split(make_log(inputs_loans=odd, predictions=lambda frame: frame.with_columns(occurred_at=times)), 13)
    found = al.open(log).drift(every="1d")
    assert "income: 3 values are NaN and count as missing" in found.facts
    assert "income: 2 values are infinite and sort below or above all others" in found.facts
    assert "years is null in every row" in found.facts
    assert "2 rows have no time and are in no window" in found.facts
    monkeypatch.setattr(drift_search, "_filed", lambda *_: None)
    plain = al.open(log).drift(every="1d")
    assert found.facts == plain.facts
    assert_frame_equal(found.table, plain.table, check_exact=False, rel_tol=1e-12)


def test_erased_predictions_are_left_out_whatever_was_kept(sealed, tmp_path):
    assert sum(row["rows"] for row in json.loads(asked(sealed, reference=None))["volume"]) == ROWS
    before = {path.parent.name for path in SketchCache().folder.rglob("*.sketch")}
    al.erase(sealed, actor="desk", reason="request", predictions=["p-003"], vault=tmp_path / "vault")
    assert len(before) == 2  # of the pair, and of all pairs
    assert not any(SketchCache().folder.rglob("*.sketch"))
    assert sum(row["rows"] for row in json.loads(asked(sealed, reference=None))["volume"]) == ROWS - 1


def test_the_journal_has_a_question_that_read_nothing(make_log, tmp_path):
    folder = split(make_log(), 12)
    log = al.open(folder, actor="ann", purpose="a complaint", journal=tmp_path / "journal")
    log.drift(every="1d")
    spoil(folder, 2)
    al.open(folder, actor="ann", purpose="a complaint", journal=tmp_path / "journal").drift(every="1d")
    written = "".join(
        path.read_text() for path in [tmp_path / "journal", *(tmp_path / "journal").rglob("*")] if path.is_file()
    )
    assert written.count('"drift; every 1d"') == 2
