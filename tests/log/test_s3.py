"""A log in an object store is read by the same code: tested against moto's S3 server on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import IntegrityError, LogError, MisuseError, ModelError, StorageError
from audit_lab.log.folder import LogFolder
from audit_lab.log.store import open_store
from audit_lab.replay.registered import load_registered
from audit_lab.verifier.record_proof import examine_record_proof

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_KEYS = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "aws_region": "us-east-1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Start an S3 server on a free port of the loopback; return the storage options for it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    output = (tmp_path_factory.mktemp("moto") / "output.txt").open("wb")
    process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None
            time.sleep(0.1)
        yield {"aws_endpoint_url": f"http://127.0.0.1:{port}", **_KEYS}
    finally:
        process.terminate()
        process.wait(20)
        output.close()


@pytest.fixture
def store_of(server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that puts a folder into a bucket of its own, and the file system that did it."""
    from pyarrow import fs

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    files = fs.S3FileSystem(
        access_key="x",
        secret_key="y",
        region="us-east-1",
        endpoint_override=server["aws_endpoint_url"],
        allow_bucket_creation=True,
    )

    def put(folder: Path, address: str) -> fs.S3FileSystem:
        files.create_dir(address.partition("/")[0])
        for path in (path for path in folder.rglob("*") if path.is_file()):
            with files.open_output_stream(f"{address}/{path.relative_to(folder).as_posix()}") as stream:
                stream.write(path.read_bytes())
        return files

    return put


def test_a_log_that_is_not_sealed_is_read_where_it_lies(server, store_of, make_log):
    folder = make_log()
    store_of(folder, "plain/team/loans")
    here, there = al.open(folder), al.open("s3://plain/team/loans", storage_options=server)
    assert there.describe() == {**here.describe(), "path": "s3://plain/team/loans"}
    question = "inputs.income < 5000 AND decision = 'deny'"
    assert there.find(question).height > 1
    assert there.find(question).equals(here.find(question))
    assert there.find(since="2024-03-05", limit=3).equals(here.find(since="2024-03-05", limit=3))
    assert there.coverage().table.equals(here.coverage().table)
    assert there.coverage().replayable == 40
    assert there.decision("p-007").inputs == here.decision("p-007").inputs
    assert str(there.decision("p-007").replay().verdict) == "EXACT"
    drifted, expected = (log.drift(["income", "city"], every="1h") for log in (there, here))
    assert drifted.table.equals(expected.table)
    assert repr(there) == repr(here).replace(str(folder), "s3://plain/team/loans")


def test_a_sealed_log_is_read_where_it_lies(server, store_of, sealed_log):
    store_of(sealed_log.folder, "sealed")
    here, there = open_store(sealed_log.folder), open_store("s3://sealed/", storage_options=server)
    assert there.checkpoint == here.checkpoint
    assert there.placed("predictions").collect().equals(here.placed("predictions").collect())
    first = open_store("s3://sealed", storage_options=server, as_of="2026-03-04T09:15")
    assert first.table("predictions").collect()["prediction_id"].to_list() == [f"p-{row:03d}" for row in range(10)]
    assert al.open("s3://sealed", storage_options=server).decision("p-011").inputs == {"income": 1011.5, "city": "Bern"}


def listed(files: Any, bucket: str) -> dict[str, int]:
    from pyarrow import fs

    found = files.get_file_info(fs.FileSelector(bucket, recursive=True))
    return {each.path: each.size for each in found if each.type == fs.FileType.File}


@pytest.fixture
def both(server, store_of, sealed_log, tmp_path):
    """Return a sealed log on this machine and in a bucket, each asked with a journal; the bucket's file system too."""
    files = store_of(sealed_log.folder, "asked")
    logs = [
        al.open(place, storage_options=options, actor="A", purpose="p", journal=tmp_path / f"{name}.jsonl")
        for name, place, options in (("here", sealed_log.folder, None), ("there", "s3://asked", server))
    ]
    return *logs, files


def test_lookups_snapshots_and_letters_say_the_same_and_the_bucket_stays_as_it_was(both, tmp_path):
    here, there, files = both
    before = listed(files, "asked")
    for ask, rows in (
        (lambda log: log.by_subject("subject-1"), 8),
        (lambda log: log.by_request("nobody"), 0),
        (lambda log: log.snapshots(), 4),
    ):
        answers = [ask(log) for log in (here, there)]
        assert answers[1].equals(answers[0])
        assert answers[1].height == rows
    around = {"around": "2026-03-04 10:05", "zone": "Europe/Berlin", "amount": "1,012", "decision": "deny"}
    letters = [log.letter(**around) for log in (here, there)]
    assert [each.prediction_id for each in letters[1].candidates] == [
        each.prediction_id for each in letters[0].candidates
    ]
    assert "p-012" in [each.prediction_id for each in letters[1].candidates]
    columns = ("kind", "question", "rows", "columns")
    asked = [al.read_journal(tmp_path / f"{name}.jsonl").frame.select(columns) for name in ("here", "there")]
    assert asked[1]["kind"].to_list() == ["open", "by subject_id", "by request_id", "snapshots", "letter"]
    assert asked[1][1:].equals(asked[0][1:])
    assert listed(files, "asked") == before


def test_the_check_of_every_row_says_the_same(both, sealed_log):
    here, there, files = both
    before = listed(files, "asked")
    options = {"trust": sealed_log.trust, "vault": sealed_log.vault, "remembered": False}
    reports = [log.verify(**options) for log in (here, there)]
    assert str(reports[1].verdict) == "UNANCHORED"
    assert reports[1].findings == reports[0].findings == ()
    assert reports[1].checked == reports[0].checked
    assert listed(files, "asked") == before


@pytest.mark.parametrize("harm", ["changed", "removed"])
def test_harm_done_in_the_bucket_is_found_as_it_is_here(both, sealed_log, tmp_path, harm):
    here, there, files = both
    victim = sealed_log.files("inputs/loans")[1]
    if harm == "changed":
        sealed_log.rewrite(victim, lambda rows: rows.with_columns(income=pl.col("income") + 1))
        with files.open_output_stream(f"asked/{victim}") as stream:
            stream.write((sealed_log.folder / victim).read_bytes())
    else:
        (sealed_log.folder / victim).unlink()
        files.delete_file(f"asked/{victim}")
    found = []
    for log in (here, there):
        with pytest.raises(IntegrityError) as caught:
            log.verify(trust=sealed_log.trust, vault=sealed_log.vault, remembered=False)
        found.append({(finding.code, finding.file) for finding in caught.value.report.findings})
    assert found[1] == found[0]
    assert {code for code, _ in found[1]} >= {"log.segment-missing" if harm == "removed" else "log.segment-changed"}


def test_a_proof_from_the_bucket_is_the_one_from_here(both, sealed_log, tmp_path):
    here, there, _ = both
    proofs = [log.prove("p-013", ["decision", "income"], vault=sealed_log.vault) for log in (here, there)]
    assert proofs[1].shown == {
        "predictions": ("prediction_id", "decision"),
        "inputs/loans": ("prediction_id", "income"),
    }
    report = examine_record_proof(proofs[1].to_bytes(), sealed_log.trust)
    assert (str(report.verdict), report.findings) == ("UNANCHORED", ())
    assert examine_record_proof(proofs[1].to_bytes().replace(b"approve", b"decline"), sealed_log.trust).findings


def test_rows_are_found_when_files_were_compacted_and_removed(server, store_of, sealed_log):
    from audit_lab.log.writing.compaction import compact, remove_replaced

    files = store_of(sealed_log.folder, "compacted")
    opened = open_store("s3://compacted", storage_options=server)
    before = {path.relative_to(sealed_log.folder).as_posix() for path in sealed_log.folder.rglob("*.parquet")}
    with sealed_log.writer() as writer:
        compact(writer)
        sealed_log.clock.now += timedelta(days=1)
        remove_replaced(writer, older_than=timedelta(0), actor="tests")
    store_of(sealed_log.folder, "compacted")
    after = {path.relative_to(sealed_log.folder).as_posix() for path in sealed_log.folder.rglob("*.parquet")}
    for gone in before - after:
        files.delete_file(f"compacted/{gone}")
    assert opened.table("predictions").collect().height == 30


def test_the_environment_says_where_and_who(server, store_of, make_log, monkeypatch):
    store_of(make_log(), "environment")
    for name, value in server.items():
        monkeypatch.setenv("AWS_DEFAULT_REGION" if name == "aws_region" else name.upper(), value)
    assert al.open("s3://environment").find(limit=2)["prediction_id"].to_list() == ["p-000", "p-001"]


def test_names_of_models_may_be_any_text(server, store_of, make_log):
    folder = make_log(
        predictions=lambda frame: frame.with_columns(model_name=pl.lit("crédit 100% #2")),
        **{"inputs_loans": None, "inputs_crédit 100% #2": pl.DataFrame({"prediction_id": ["p-003"], "age": [40]})},
    )
    store_of(folder, "names")
    found = al.open("s3://names", storage_options=server).find("inputs.age = 40")
    assert found["prediction_id"].to_list() == ["p-003"]


def test_what_is_missing_is_told(server, store_of, make_log):
    folder = make_log()
    (folder / "predictions" / "part-00000.parquet").unlink()
    (folder / "artifacts" / "loans-1.ubj").unlink()
    store_of(folder, "missing")
    log = al.open("s3://missing", storage_options=server)
    with pytest.raises(LogError, match=r"part-00000\.parquet of table predictions is missing from s3://missing"):
        log.find()
    with pytest.raises(ModelError, match="the artifact of loans 1 is not at artifacts/loans-1.ubj"):
        load_registered(log._store, "loans", "1")
    with pytest.raises(MisuseError, match="there is no folder s3://missing/nowhere"):
        al.open("s3://missing/nowhere", storage_options=server)
    with pytest.raises(MisuseError, match=r"s3://missing/predictions is not an audit log|there is no folder"):
        al.open("s3://missing/predictions", storage_options=server)


def test_what_needs_files_of_this_machine_says_so(server, store_of, make_log):
    store_of(make_log(), "remote")
    log = al.open("s3://remote", storage_options=server)
    with pytest.raises(MisuseError, match="s3://remote is not on this machine.*Copy it to a folder"):
        _ = log.path
    with pytest.raises(MisuseError, match="the engine duckdb reads logs on this machine only"):
        al.open("s3://remote", storage_options=server, engine="duckdb").find()
    with pytest.raises(MisuseError, match="cannot be read through a mapping"):
        al.open("s3://remote", {"origin": "x"}, storage_options=server)


def test_files_are_read_in_parts(server, store_of, make_log):
    store_of(make_log(), "parts")
    folder = LogFolder("s3://parts", server)
    whole = folder.read("manifest.json")
    assert folder.read("manifest.json", 5) == whole[:6]
    assert folder.read_range("manifest.json", 3, 4) == whole[3:7]
    assert folder.read_range("manifest.json", len(whole) + 9, 4) == b""
    assert (folder.size("manifest.json"), folder.exists("manifest.json")) == (len(whole), True)
    assert folder.list("artifacts") == ["artifacts/loans-1.ubj"]
    assert folder.list("nothing") == []
    for ask in (folder.read, folder.size):
        with pytest.raises(StorageError, match="nothing is missing from s3://parts"):
            ask("nothing")


def test_a_server_that_does_not_answer_is_told():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        options = {"aws_endpoint_url": f"http://127.0.0.1:{free.getsockname()[1]}", **_KEYS}
        with pytest.raises(StorageError, match="cannot look for .* of s3://gone"):
            al.open("s3://gone", storage_options=options)
