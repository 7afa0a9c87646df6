"""Several writing processes on one log, and readers beside them: nothing is lost, and every snapshot is whole."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import audit_lab as al
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.keys.vault import Vault
from audit_lab.log.store import open_store
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.log.writing.receipt import Receipt, SealedRows
from audit_lab.log.writing.writer import create_log
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.merkle import check_consistency, consistency_path

ORIGIN = "demonstration-tests"
WRITERS, APPENDS = 4, 25
PROGRAM = """
import json, sys
from dataclasses import asdict
from datetime import UTC, datetime
import polars as pl
from audit_lab.log.writing.writer import open_writer

folder, vault, name, appends = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
at = datetime(2026, 3, 2, 8, tzinfo=UTC)
writer = open_writer(folder, vault=vault, writer_id=name, clock=lambda: at)
print("ready", flush=True)
sys.stdin.readline()
for number in range(appends):
    ids = [f"{name}-{number}-{row}" for row in range(2)]
    receipt = writer.append({"outcomes": pl.DataFrame({"prediction_id": ids, "observed_at": [at] * 2})})
    print(json.dumps({"ids": ids, "receipt": asdict(receipt)}), flush=True)
    if number % 9 == 8:
        writer.compact()
"""


@pytest.fixture
def written(tmp_path, sealed):
    """Return the folder of a log that four processes appended to at once, their receipts, and what a reader saw."""
    folder, vault = tmp_path / "log", tmp_path / "vault"
    create_log(folder, ORIGIN, vault=Vault.create(ORIGIN, vault), clock=lambda: sealed.START)
    command = [sys.executable, "-c", PROGRAM, str(folder), str(vault)]
    processes = [
        subprocess.Popen(
            [*command, f"w{number}", str(APPENDS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(WRITERS)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    seen = []
    while any(process.poll() is None for process in processes) and len(seen) < 400:
        store = open_store(folder)
        seen.append((parse_checkpoint(store.checkpoint.encode()).checkpoint, store.table("outcomes").collect()))
    acknowledged = {}
    for process in processes:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        for line in map(json.loads, out.splitlines()):
            stated = line["receipt"]
            segments = tuple(SealedRows(**each) for each in stated["segments"])
            receipt = Receipt(stated["size"], stated["root"], stated["sealed_at"], segments)
            acknowledged |= dict.fromkeys(line["ids"], receipt)
    return folder, acknowledged, seen


def test_every_acknowledged_row_is_there_and_every_snapshot_was_whole(written, sealed):
    folder, acknowledged, seen = written
    assert len(acknowledged) == WRITERS * APPENDS * 2
    storage = LocalStorage(folder)
    state = sealed.check_log(storage, acknowledged.values())
    ids = sealed.stored_ids(storage, state, "outcomes")
    assert sorted(ids) == sorted(acknowledged)
    assert sorted(al.open(folder).outcomes.collect()["prediction_id"]) == sorted(ids)
    sizes = [receipt.size for receipt in acknowledged.values()]
    assert len(set(sizes)) == WRITERS * APPENDS

    tree = LogTree(storage)
    assert len(seen) > 1
    for checkpoint, rows in seen:
        path = consistency_path(tree.reader, checkpoint.size, tree.size)
        check_consistency(checkpoint.size, checkpoint.root, tree.size, tree.root, path)
        expected = sorted(name for name, receipt in acknowledged.items() if receipt.size <= checkpoint.size)
        assert sorted(rows["prediction_id"]) == expected
