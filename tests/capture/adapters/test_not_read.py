"""Files whose bytes are no records as they stand: named with what to do, and never counted by their line feeds."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import tarfile
import zipfile

import polars as pl
import pytest

from audit_lab.cli import main
from audit_lab.errors import MisuseError
from audit_lab.log.foreign.mapping import Mapping

MAPPING = Mapping("x", {"prediction_id": "id", "score": "score"}, inputs=("a",), model_name="loans")
EVENT = {
    "id": "k1",
    "type": "org.kubeflow.serving.inference.request",
    "inferenceservicename": "loans",
    "data": {"instances": [[1.5]]},
}
GOOD = json.dumps(EVENT).encode() + b"\n"


def parquet():
    rows = [{"id": "k2", "bytes": "eyJpbnN0YW5jZXMiOlsxXX0=", "reqType": "x.request", "inferenceService": "loans"}]
    buffer = io.BytesIO()
    pl.DataFrame(rows).write_parquet(buffer)
    return buffer.getvalue()


def avro():
    fastavro = pytest.importorskip("fastavro")
    buffer = io.BytesIO()
    fields = [{"name": "id", "type": "string"}, {"name": "score", "type": "double"}]
    fastavro.writer(buffer, {"type": "record", "name": "R", "fields": fields}, [{"id": "p", "score": 0.5}])
    return buffer.getvalue()


def archive(how):
    buffer = io.BytesIO()
    if how == "zip":
        with zipfile.ZipFile(buffer, "w") as packed:
            packed.writestr("a.jsonl", GOOD)
    else:
        with tarfile.open(fileobj=buffer, mode=how) as packed:
            about = tarfile.TarInfo("a.jsonl")
            about.size = len(GOOD)
            packed.addfile(about, io.BytesIO(GOOD))
    return buffer.getvalue()


FILES = {
    "a.parquet.gz": (lambda: gzip.compress(parquet()), "Parquet packed by gzip"),
    "a.avro.gz": (lambda: gzip.compress(avro()), "Avro packed by gzip"),
    "a.jsonl.bz2": (lambda: bz2.compress(GOOD), "packed by bzip2"),
    "a.jsonl.zst": (lambda: b"\x28\xb5\x2f\xfd" + b"\n{" * 9, "packed by zstd"),
    "a.zip": (lambda: archive("zip"), "a zip archive"),
    "a.tar": (lambda: archive("w:"), "a tar archive"),
    "a.tar.gz": (lambda: archive("w:gz"), "a tar archive packed by gzip"),
    "a.jsonl": (lambda: GOOD.decode().encode("utf-16"), "text in UTF-16"),
    "a.jsonl.gz.gz": (lambda: gzip.compress(gzip.compress(GOOD)), "packed by gzip twice"),
}


@pytest.mark.parametrize("form", [None, "kserve", "sagemaker", "json-lines"])
@pytest.mark.parametrize("name", list(FILES))
def test_a_file_that_has_to_be_unpacked_first_is_named_and_not_taken_for_lines(adapting, name, form):
    make, what = FILES[name]
    content = make()
    with pytest.raises(MisuseError, match=what):
        adapting({name: content}, form=form, mapping=MAPPING)
    report = adapting({name: content, "good.jsonl": GOOD}, form=form, mapping=MAPPING)
    assert (report.rows_read, report.rows_read) == (1, report.rows_kept + report.rows_quarantined)
    (file,) = [each for each in report.files if each.name == name]
    assert (file.state, file.form, file.rows) == ("unread", None, 0)
    assert what in file.problem
    assert report.lines()[0].startswith("At least 1 record ")
    assert any(line.startswith(f"{name} is {what}, and was not read: ") for line in report.lines())


@pytest.mark.parametrize(
    ("form", "make", "what"),
    [("sagemaker", parquet, "Parquet"), ("seldon", avro, "Avro"), ("json-lines", parquet, "Parquet")],
)
def test_a_container_that_the_form_has_none_of_is_not_taken_for_lines(adapting, form, make, what):
    with pytest.raises(MisuseError, match=f"is {what}, which logs of the form {form} are not"):
        adapting({"a": make()}, form=form, mapping=MAPPING)


def test_a_command_that_left_a_packed_file_unread_does_not_end_well(tmp_path, capsys):
    source = tmp_path / "in"
    source.mkdir()
    (source / "good.jsonl").write_bytes(GOOD)
    said = ["adapt", str(source), str(tmp_path / "log"), "--origin", "demonstration-x", "--vault", str(tmp_path / "v")]
    assert main([*said]) == 0
    (source / "a.parquet.gz").write_bytes(gzip.compress(parquet()))
    assert main([*said]) == 1
    assert "a.parquet.gz is Parquet packed by gzip" in capsys.readouterr().out


def test_a_bomb_is_not_unpacked_to_be_looked_at(adapting):
    bomb = gzip.compress(b"PAR1" + bytes(50_000_000))
    report = adapting({"a.parquet.gz": bomb, "good.jsonl": GOOD})
    assert (report.rows_read, report.rows_kept) == (1, 1)
