"""What taking over serving logs costs: SageMaker's data capture, KServe's events; beside a loop of json and pandas.

Run: ``.venv/bin/python benchmarks/adapt.py [--records 1000000] [--features 10] [--folder build/benchmarks]``. Prints a
table and one line of JSON, and writes ``benchmarks/adapt.json``.

Each measurement is a process of its own, so that its peak memory is its own; three times the records are adapted too:
how far memory grows with them. What a process holds is looked at ten times a second: ``middle_mb`` and ``last_mb`` are
the medians over the middle and the last third of its time. ``adapt`` goes from files to a sealed log: every record
read, paired, decoded, given its id and committed to field by field. ``rows`` is the same without the seal: what it
takes until the rows of all tables are there. The peer does what a user would write: ``json.loads`` of each line and of
the bodies in it, pairing in a dict of everything, ``pandas.DataFrame`` to Parquet; it checks nothing, keeps no
quarantine, cannot be resumed, seals nothing. A KServe exchange is two records.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from made_log import DEFAULT_FOLDER
from result import keep

FILES = 20


def moment(number: int) -> str:
    """Return when a request was."""
    day = 1 + number // 40_000 % 28
    return f"2026-05-{day:02}T{number % 24:02}:{number % 60:02}:00.{number % 1_000_000:06}Z"


def sagemaker(number: int, features: int) -> str:
    """Return a record of data capture."""
    values = ",".join(f"{(number * 31 + place * 17) % 9973 / 7:.6f}" for place in range(features))
    sides = {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": values, "encoding": "CSV"},
        "endpointOutput": {
            "observedContentType": "text/csv",
            "mode": "OUTPUT",
            "data": f"{number % 1009 / 1009:.9f}",
            "encoding": "CSV",
        },
    }
    about = {
        "eventId": f"{number:08x}-{number * 7919 % 65_536:04x}-4a11-9f00-{number:012x}",
        "inferenceTime": moment(number),
    }
    return json.dumps({"captureData": sides, "eventMetadata": about, "eventVersion": "0"}) + "\n"


def kserve(number: int, features: int) -> tuple[str, str]:
    """Return a request and its response."""
    values = {f"feature_{place}": (number * 31 + place * 17) % 9973 / 7 for place in range(features)}
    common = {
        "specversion": "1.0",
        "id": f"{number:08x}-{number * 7919 % 65_536:04x}-4a11-9f00-{number:012x}",
        "source": "http://localhost:9081/",
        "time": moment(number),
        "datacontenttype": "application/json",
        "inferenceservicename": "loans",
        "namespace": "bank",
        "component": "predictor",
        "endpoint": "default",
    }
    kind = "org.kubeflow.serving.inference."
    asked = {**common, "type": f"{kind}request", "data": {"instances": [values]}}
    answered = {**common, "type": f"{kind}response", "data": {"predictions": [number % 1009 / 1009]}}
    return json.dumps(asked) + "\n", json.dumps(answered) + "\n"


def make(folder: Path, form: str, records: int, features: int) -> Path:
    """Write the files of a form, once; of KServe, the responses in other files than their requests."""
    place = folder / f"adapt-{form}-{records}-{features}"
    if (place / "whole").exists():
        return place / "source"
    shutil.rmtree(place, ignore_errors=True)
    source = place / "source" / "capture" / "loans" / "AllTraffic" / "2026" / "05" / "04" / "09"
    source.mkdir(parents=True)
    each = records // FILES
    for file in range(FILES if form == "sagemaker" else FILES // 2):
        numbers = range(file * each, (file + 1) * each)
        if form == "sagemaker":
            (source / f"{file:02}.jsonl").write_text("".join(sagemaker(number, features) for number in numbers))
            continue
        pairs = [kserve(number, features) for number in numbers]
        (source / f"{file:02}-request.jsonl").write_text("".join(asked for asked, _ in pairs))
        (source / f"{(file + 3) % 10:02}-response.jsonl").write_text(
            "".join(answered for _, answered in reversed(pairs))
        )
    (place / "whole").touch()
    return place / "source"


def adapted(source: Path, target: Path, vault: Any) -> int:
    """Take a source over into a sealed log."""
    import audit_lab as al

    return al.adapt(source, target / "log", vault=vault, version="7").rows_kept


def rows(source: Path, target: Path, vault: Any) -> int:
    """Do the same without a seal: rows of a part are let go when they are there."""
    from audit_lab.log.writing.writer import LogWriter

    LogWriter.append = lambda *_: None  # type: ignore[assignment, method-assign]
    return adapted(source, target, vault)


def peer(source: Path, target: Path, vault: Any) -> int:  # noqa: ARG001 (the others need it)
    """Read line by line, pair in a dict, write Parquet."""
    import pandas as pd

    found: dict[str, dict[str, Any]] = {}
    lines = 0
    for path in sorted(source.rglob("*.jsonl")):
        with path.open() as file:
            for line in file:
                record = json.loads(line)
                lines += 1
                if "captureData" in record:
                    sides = record["captureData"]
                    row = {"at": record["eventMetadata"]["inferenceTime"]}
                    for place, value in enumerate(sides["endpointInput"]["data"].split(",")):
                        row[f"feature_{place}"] = float(value)
                    row["score"] = float(sides["endpointOutput"]["data"])
                    found[record["eventMetadata"]["eventId"]] = row
                    continue
                row = found.setdefault(record["id"], {})
                if record["type"].endswith("request"):
                    row |= {"at": record["time"], **record["data"]["instances"][0]}
                else:
                    row["score"] = record["data"]["predictions"][0]
    frame = pd.DataFrame.from_dict(found, orient="index")
    frame["at"] = pd.to_datetime(frame["at"], format="ISO8601")
    target.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(target / "rows.parquet")
    return lines


WAYS = {"adapt": adapted, "rows": rows, "peer": peer}


def measured(way: str, source: Path, folder: Path) -> dict[str, float]:
    """Run one way as a process of its own, and return what it took."""
    target = Path(tempfile.mkdtemp(dir=folder, prefix=f"{way}-"))
    try:
        command = [sys.executable, __file__, "--way", way, "--source", str(source), "--target", str(target)]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
    finally:
        shutil.rmtree(target)
    return json.loads(done.stdout.splitlines()[-1])


def look(held: list[float], done: threading.Event) -> None:
    """Note how many MB this process holds, ten times a second."""
    while True:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        held.append(pages * resource.getpagesize() / 1_048_576)
        if done.wait(0.1):
            return


def one(way: str, source: Path, target: Path) -> None:
    """Do one way on a log that was begun before, and print what it took."""
    import audit_lab as al
    from audit_lab.log.keys.vault import Vault

    vault = Vault.create("demonstration-adapt", target / "vault", log=target / "log")
    with al.create_log(target / "log", "demonstration-adapt", vault=vault) as writer:
        writer.heartbeat()
    held: list[float] = []
    done = threading.Event()
    looking = threading.Thread(target=look, args=(held, done))
    looking.start()
    start, begun = time.perf_counter(), time.process_time()
    records = WAYS[way](source, target, vault)
    taken, worked = time.perf_counter() - start, time.process_time() - begun
    done.set()
    looking.join()
    third = len(held) // 3
    print(
        json.dumps(
            {
                "records": records,
                "seconds": round(taken, 2),
                "processor_s": round(worked, 2),
                "records_per_second": round(records / taken),
                "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "middle_mb": round(statistics.median(held[third : 2 * third + 1])),
                "last_mb": round(statistics.median(held[2 * third :])),
            }
        )
    )


def main() -> None:
    """Measure, print and keep the result."""
    options = argparse.ArgumentParser()
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--features", type=int, default=10)
    options.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    options.add_argument("--way", choices=WAYS)
    options.add_argument("--source", type=Path)
    options.add_argument("--target", type=Path)
    chosen = options.parse_args()
    if chosen.way:
        one(chosen.way, chosen.source, chosen.target)
        return
    chosen.folder.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {}
    for form in ("sagemaker", "kserve"):
        more = make(chosen.folder, form, chosen.records * 3, chosen.features)
        source = make(chosen.folder, form, chosen.records, chosen.features)
        result[form] = {way: measured(way, source, chosen.folder) for way in WAYS}
        result[form]["adapt of three times"] = measured("adapt", more, chosen.folder)
        for way, said in result[form].items():
            print(form, f"{way:20}", *(f"{name} {value:>10,}" for name, value in said.items()))
    keep(__file__, result, records=chosen.records, features=chosen.features)


if __name__ == "__main__":
    main()
