"""Make a log of many predictions with 20 features for the benchmarks, once, in bounded memory.

Run: ``.venv/bin/python benchmarks/made_log.py --millions 10 [--sealed] [--folder build/benchmarks]
[--segment-rows 1000000] [--rows-per-group 16384] [--page-bytes 16384]``. Ids are random UUIDs of version 4. The log is
reused when it is there already. A million takes about 5 s and 120 MB; sealed, about half a minute and 280 MB with its
vault.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.log.files.write import write_log
from audit_lab.log.index.row_reader import PAGE_BYTES, ROWS_PER_GROUP
from audit_lab.log.schema import TABLES, table_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_FOLDER = Path(__file__).resolve().parents[1] / "build" / "benchmarks"
MODEL = "credit-line"
THRESHOLD = 0.5
FEATURES = [f"feature_{number:02d}" for number in range(20)]
CITIES = ("Bern", "Oslo", "Rome", "Lima", "Kyiv", "Pune", "Cork", "Graz")
START = datetime(2024, 1, 1, tzinfo=UTC)
SIGNATURE = {
    "features": [{"name": name, "dtype": "str" if name == FEATURES[0] else "float"} for name in FEATURES],
    "output": {"kind": "probability", "positive": "bad", "negative": "good"},
}


def uuids(generator: np.random.Generator, count: int) -> pl.Series:
    """Return random UUIDs of version 4 as text."""
    raw = generator.integers(0, 256, (count, 16), dtype=np.uint8)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    digits = np.frombuffer(raw.tobytes().hex().encode(), dtype="S32").astype("U32")
    part = pl.col("id").str
    dashed = pl.concat_str(
        part.slice(0, 8), part.slice(8, 4), part.slice(12, 4), part.slice(16, 4), part.slice(20), separator="-"
    )
    return pl.DataFrame({"id": digits}).select(dashed)["id"]


def segment(number: int, rows: int, every: timedelta) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the predictions and the inputs of one segment; the same number always gives the same rows."""
    generator = np.random.default_rng((7, number))
    ids = uuids(generator, rows)
    first = START + number * rows * every
    occurred = pl.datetime_range(first, first + (rows - 1) * every, every, time_unit="us", eager=True)
    scores = generator.beta(2, 5, rows).round(4)
    predictions = pl.DataFrame({"prediction_id": ids, "occurred_at": occurred}).with_columns(
        recorded_at=pl.col("occurred_at"),
        model_name=pl.lit(MODEL),
        model_version=pl.lit("1"),
        request_id=uuids(generator, rows),
        subject_id=pl.Series(generator.integers(0, 5_000_000, rows)).cast(pl.String).str.pad_start(8, "0"),
        outputs=pl.struct(
            score=pl.Series(scores), label=pl.Series(np.where(scores >= THRESHOLD, "bad", "good"), dtype=pl.String)
        ),
        threshold=pl.lit(THRESHOLD),
        decision=pl.Series(np.where(scores >= THRESHOLD, "deny", "approve"), dtype=pl.String),
        decision_rule=pl.lit("threshold"),
        environment=pl.lit("production"),
        latency_ms=pl.Series(generator.gamma(2.0, 6.0, rows).round(1)),
        sequence=pl.int_range(number * rows, number * rows + rows, dtype=pl.Int64),
        writer_id=pl.lit("writer-1"),
    )
    missing = {name: dtype for name, dtype in table_schema("predictions").items() if name not in predictions.columns}
    predictions = predictions.with_columns(**{name: pl.lit(None, dtype=dtype) for name, dtype in missing.items()})
    values = {FEATURES[0]: pl.Series(np.array(CITIES)[generator.integers(0, len(CITIES), rows)])}
    for place, name in enumerate(FEATURES[1:]):
        values[name] = pl.Series(generator.normal(10 * place, 1 + place, rows).round(place % 3))
    inputs = pl.DataFrame({"prediction_id": ids, "recorded_at": occurred, **values})
    return predictions.select(list(TABLES["predictions"].columns)), inputs


def small_tables(rows: int) -> dict[str, pl.DataFrame]:
    """Return the registry and what stands around the predictions; overrides and outcomes stand for few of them."""
    at = START - timedelta(days=1)
    version = {"model_name": [MODEL], "model_version": ["1"], "recorded_at": [at]}
    ids = segment(0, rows, timedelta(milliseconds=250))[0]["prediction_id"][:: max(rows // 1000, 1)]
    return {
        "model_versions": pl.DataFrame({**version, "signature": [json.dumps(SIGNATURE)], "threshold": [THRESHOLD]}),
        "approvals": pl.DataFrame({**version, "act": ["approved"], "approver": ["r.keller"]}),
        "deployments": pl.DataFrame(
            {**version, "deployment_id": ["primary"], "from_time": [at], "traffic_share": [1.0]}
        ),
        "lineage": pl.DataFrame(
            {
                "edge_id": ["e1", "e2"],
                "from_node": [f"model:{MODEL}@1", "run:r1"],
                "relation": ["wasGeneratedBy", "used"],
                "to_node": ["run:r1", "dataset:d@1"],
                "at": [at] * 2,
                "recorded_at": [at] * 2,
            }
        ),
        "events": pl.DataFrame(
            {
                "event_id": [f"ev-{number:04d}" for number in range(500)],
                "at": [START + timedelta(hours=6 * number) for number in range(500)],
                "recorded_at": [START + timedelta(hours=6 * number) for number in range(500)],
                "kind": ["configuration"] * 500,
                "subject_kind": ["model"] * 500,
                "subject": [MODEL] * 500,
                "summary": ["threshold reviewed"] * 500,
            }
        ),
        "overrides": pl.DataFrame(
            {"prediction_id": ids, "recorded_at": [START] * len(ids), "decision_after": ["approve"] * len(ids)}
        ),
        "outcomes": pl.DataFrame(
            {"prediction_id": ids, "observed_at": [START] * len(ids), "recorded_at": [START] * len(ids)}
        ).with_columns(label=pl.lit("good")),
    }


def made_log(
    millions: float,
    folder: Path = DEFAULT_FOLDER,
    *,
    segment_rows: int = 1_000_000,
    rows_per_group: int = ROWS_PER_GROUP,
    page_bytes: int = PAGE_BYTES,
    sealed: bool = False,
) -> Path:
    """Return the path of a log of `millions` million predictions, made now or before.

    A sealed one is written by `LogWriter`, one append for each segment, and has the group and page size of that.
    """
    rows = round(millions * 1_000_000)
    segment_rows = min(segment_rows, rows)
    shape = "sealed" if sealed else f"{rows_per_group}-{page_bytes}"
    made = folder / f"log-{rows}-{segment_rows}-{shape}"
    if made.is_dir():
        return made
    part = made.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    segments = _segments(rows, segment_rows)
    if sealed:
        _write_sealed(part, rows, segment_rows, segments)
    else:
        _write_unsealed(
            part, rows, segment_rows, segments, {"row_group_size": rows_per_group, "data_page_size": page_bytes}
        )
    part.rename(made)
    return made


def _segments(rows: int, segment_rows: int) -> Iterator[dict[str, pl.DataFrame]]:
    """Yield the two long tables of each segment, and tell how far it is."""
    start = time.perf_counter()
    for number in range(-(-rows // segment_rows)):
        predictions, inputs = segment(number, segment_rows, timedelta(milliseconds=250))
        yield {"predictions": predictions, f"inputs/{MODEL}": inputs}
        shown = (number + 1) * segment_rows
        print(f"\r{shown:,} rows in {time.perf_counter() - start:.0f} s", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def _write_sealed(made: Path, rows: int, segment_rows: int, segments: Iterator[dict[str, pl.DataFrame]]) -> None:
    from audit_lab.log.writing.writer import create_log

    vault = made.with_suffix(".vault")
    shutil.rmtree(vault, ignore_errors=True)
    with create_log(made, f"benchmark/{rows}", vault=vault, passphrase=b"benchmark") as writer:
        writer.append(small_tables(segment_rows))
        for tables in segments:
            writer.append(tables)


def _write_unsealed(
    made: Path, rows: int, segment_rows: int, segments: Iterator[dict[str, pl.DataFrame]], options: dict[str, int]
) -> None:
    entries: dict[str, list[dict[str, object]]] = {}
    for number, tables in enumerate(segments):
        for table, frame in tables.items():
            path = made / table / f"part-{number:05d}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.write_parquet(path, compression="zstd", compression_level=1, **options)
            entries.setdefault(table, []).append(segment_entry(made, path, frame))
    write_log(made, small_tables(segment_rows), {"origin": f"benchmark/{rows}", "description": "Made", "notes": []})
    manifest = json.loads((made / "manifest.json").read_text("utf-8"))
    manifest["tables"] |= {table: {"segments": of_table} for table, of_table in entries.items()}
    (made / "manifest.json").write_text(json.dumps(manifest, indent=1), "utf-8")


def segment_entry(made: Path, path: Path, frame: pl.DataFrame) -> dict[str, object]:
    """Return what the manifest of a log in a folder states of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    times = frame["occurred_at"] if "occurred_at" in frame.columns else None
    return {
        "path": path.relative_to(made).as_posix(),
        "rows": frame.height,
        "size_bytes": path.stat().st_size,
        "sha256": digest,
        "first_time": None if times is None else times[0].isoformat(),
        "last_time": None if times is None else times[-1].isoformat(),
    }


def some_ids(log: Path, count: int) -> list[str]:
    """Return ids spread over the whole log, always the same ones."""
    manifest = json.loads((log / "manifest.json").read_text("utf-8"))
    segments = manifest["tables"]["predictions"]["segments"]
    generator = np.random.default_rng(11)
    found: list[str] = []
    for number in generator.permutation(len(segments))[:count]:
        each = -(-count // min(count, len(segments)))
        rows = generator.integers(0, segments[number]["rows"], each)
        column = pl.scan_parquet(log / segments[number]["path"]).select("prediction_id").collect()["prediction_id"]
        found += column.gather(rows).to_list()
    generator.shuffle(found)
    return found[:count]


def main() -> None:
    """Make the log that the arguments describe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, default=10)
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--segment-rows", type=int, default=1_000_000)
    parser.add_argument("--rows-per-group", type=int, default=ROWS_PER_GROUP)
    parser.add_argument("--page-bytes", type=int, default=PAGE_BYTES)
    parser.add_argument("--sealed", action="store_true")
    given = parser.parse_args()
    made = made_log(
        given.millions,
        given.folder,
        segment_rows=given.segment_rows,
        rows_per_group=given.rows_per_group,
        page_bytes=given.page_bytes,
        sealed=given.sealed,
    )
    print(made)


if __name__ == "__main__":
    main()
