"""Artifacts of a log: found, measured, compared with their digest, and refused with a reason of their own."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import zlib
from types import SimpleNamespace

import pytest
import xgboost
from trained import trained

import audit_lab as al
from audit_lab.errors import MisuseError, ModelError
from audit_lab.log.folder import LogFolder
from audit_lab.replay.artifacts import lifting, reading
from audit_lab.replay.artifacts.folder import folder_digest
from audit_lab.replay.artifacts.pickles import contents
from audit_lab.replay.artifacts.pickles.stack import Budget
from audit_lab.replay.artifacts.reading import read_artifact

DIGEST = {
    "model.ubj": ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", 4),
    "Readme.txt": ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0),
    "model/part.json": ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 3),
}


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def digest_of(files):
    return folder_digest({name: (sha256(content), len(content)) for name, content in files.items()})


class Evil:
    def __reduce__(self):
        return (os.system, ("touch /tmp/opened",))


@pytest.fixture
def put(tmp_path):
    """Return a function that lays an artifact into a log's folder and gives back the log and a row of its registry."""

    laid_out: list[str] = []

    def laid(artifact, artifact_format="xgboost-ubj", digest=None, **row):
        name = f"model{len(laid_out)}" if laid_out else "model"
        laid_out.append(name)
        place = tmp_path / "artifacts" / name
        files = {"": artifact} if isinstance(artifact, bytes) else artifact
        for file, content in files.items():
            target = place / file if file else place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        found = sha256(artifact) if isinstance(artifact, bytes) else digest_of(artifact)
        version = {
            "model_name": "loans",
            "model_version": "1",
            "artifact_uri": f"artifacts/{name}",
            "artifact_format": artifact_format,
            "artifact_sha256": found if digest is None else digest,
            "signature": None,
        }
        return SimpleNamespace(folder=LogFolder(tmp_path)), {**version, **row}

    return laid


def refused(put, *args, trust=(), **kwargs):
    with pytest.raises(ModelError) as raised:
        read_artifact(*put(*args, **kwargs), trust=trust)
    return raised.value


def test_golden_digest_of_a_folder():
    """The listing that docs/formats.md shows, and its digest."""
    lines = (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  0  Readme.txt\n"
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  4  model.ubj\n"
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  3  model/part.json\n"
    )
    assert folder_digest(DIGEST) == sha256(lines.encode())
    assert folder_digest(DIGEST) == "bb80a1450daeaa3dc8ecda5d227cf441dcfb5accaa03e7f54a6ab3763f2c2a12"
    assert folder_digest(dict(reversed(DIGEST.items()))) == folder_digest(DIGEST)


def test_a_file_is_what_it_was(put):
    found = read_artifact(*put(b"{L model"))
    assert (found.content, found.sha256, found.size_bytes) == (b"{L model", sha256(b"{L model"), 8)
    assert (found.artifact_format, found.file, found.lifted_from) == ("xgboost-ubj", None, None)
    assert not found.trusted_by_digest


def test_digest_is_compared_before_anything_is_parsed(put, monkeypatch):
    for name in ("lift_booster", "inspect_pickle", "read_mlmodel", "only_model"):
        monkeypatch.setattr(reading, name, lambda *_: pytest.fail("parsed before its digest was checked"))
    for artifact, artifact_format in (
        (pickle.dumps(Evil()), "pickle"),
        ({"MLmodel": b"x", "model.ubj": b"y"}, "mlflow"),
        ({"model.ubj": b"y"}, "folder"),
    ):
        error = refused(put, artifact, artifact_format, digest="0" * 64)
        assert error.code == "artifact-digest-mismatch"


def test_artifact_larger_than_two_gigabytes_is_refused_before_it_is_read(put, tmp_path, monkeypatch):
    store, version = put(b"small")
    with (tmp_path / "artifacts" / "model").open("wb") as file:
        file.truncate(2_000_000_001)
    monkeypatch.setattr(LogFolder, "read_range", lambda *_: pytest.fail("read"))
    with pytest.raises(ModelError, match="is larger than 2 GB") as raised:
        read_artifact(store, version)
    assert raised.value.code == "artifact-too-large"


def test_file_that_grows_while_it_is_read_is_refused(put, monkeypatch):
    store, version = put(b"small")
    monkeypatch.setattr(LogFolder, "size", lambda *_: 2)
    with pytest.raises(ModelError, match="grew while it was read"):
        read_artifact(store, version)


def test_large_file_is_read_in_pieces(put, monkeypatch):
    monkeypatch.setattr(reading, "_STEP", 7)
    content = bytes(range(100))
    assert read_artifact(*put(content)).content == content


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"artifact_uri": None}, "artifact-missing"),
        ({"artifact_uri": "artifacts/none"}, "artifact-missing"),
        ({"artifact_uri": "../outside"}, "artifact-outside"),
        ({"artifact_sha256": None}, "artifact-digest-missing"),
        ({"artifact_format": "riddle"}, "artifact-format-unknown"),
        ({"artifact_format": None}, "artifact-format-unknown"),
        ({"artifact_format": "xgboost-lifted"}, "artifact-format-unknown"),
        ({"artifact_format": "mlflow"}, "artifact-folder"),
        ({"artifact_format": "folder"}, "artifact-folder"),
    ],
)
def test_what_is_wrong_in_the_registry_has_a_code_of_its_own(put, row, code):
    assert refused(put, b"content", **row).code == code


def test_folder_with_one_model_beside_other_files(put):
    model = trained("xgboost-ubj", "probability")
    files = {"model.ubj": model.artifact, "README.md": b"# A model", "notes/data.csv": b"a,b\n1,2\n"}
    for stated in ("folder", "xgboost-ubj"):
        found = read_artifact(*put(files, stated))
        assert (found.content, found.artifact_format, found.file) == (model.artifact, "xgboost-ubj", "model.ubj")
        assert found.sha256 == digest_of(files)
        assert found.size_bytes == sum(map(len, files.values()))


def test_folder_with_two_models_is_never_chosen_from(put):
    model = trained("xgboost-ubj", "probability").artifact
    error = refused(put, {"a.ubj": model, "b.ubj": model}, "folder")
    assert error.code == "artifact-folder"
    assert "a.ubj (xgboost-ubj), b.ubj (xgboost-ubj)" in error.message


def test_folder_without_a_model(put):
    error = refused(put, {"README.md": b"# A model"}, "folder")
    assert "does not hold exactly one model of format folder: no model file" in error.message


def test_changed_file_of_a_folder_changes_its_digest(put):
    files = {"model.ubj": trained("xgboost-ubj", "probability").artifact, "README.md": b"# A model"}
    error = refused(put, {**files, "README.md": b"# Another"}, "folder", digest=digest_of(files))
    assert error.code == "artifact-digest-mismatch"


def test_links_in_a_folder_are_refused(put, tmp_path):
    store, version = put({"model.ubj": b"{L", "README.md": b"x"}, "folder")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "artifacts" / "model" / "README.md").unlink()
    (tmp_path / "artifacts" / "model" / "README.md").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError) as raised:
        read_artifact(store, version)
    assert raised.value.code in {"artifact-folder", "artifact-digest-mismatch"}
    assert "holds links: README.md" in raised.value.message


def test_names_that_mean_another_file_elsewhere_are_refused(put):
    error = refused(put, {"model.ubj": b"{L", "a b.txt": b"x"}, "folder")
    assert error.code == "artifact-folder"
    assert "'a b.txt'" in error.message


def test_unsafe_pickle_is_refused_with_what_it_would_do_and_how_to_allow_it(put):
    content = pickle.dumps(Evil())
    error = refused(put, content, "pickle")
    assert error.code == "artifact-format-unsafe"
    assert "it would import posix.system; it would call posix.system('touch /tmp/opened')" in error.message
    assert f"--trust sha256:{sha256(content)}" in error.next_step
    assert not os.path.exists("/tmp/opened")  # noqa: PTH110


@pytest.mark.parametrize("artifact_format", ["pickle", "joblib", "cloudpickle", "dill"])
def test_pickle_that_breaks_off_is_refused_too(put, artifact_format):
    cut = refused(put, pickle.dumps(Evil())[:-1], artifact_format)
    assert (cut.code, "the list is not complete" in cut.message) == ("artifact-format-unsafe", True)


def test_pickle_with_endless_instructions_is_refused_too(put, monkeypatch):
    for module in (contents, lifting):
        monkeypatch.setattr(module, "Budget", lambda: Budget(instructions=1_000))
    bomb = refused(put, zlib.compress(b"\x80\x04" + b"N0" * 3_000 + b"N."), "joblib")
    assert bomb.code == "artifact-format-unsafe"
    assert "it has more instructions than are walked" in bomb.message


def test_pickle_that_is_trusted_by_its_digest(put):
    content = trained("pickle", "probability").artifact
    found = read_artifact(*put(content, "pickle"), trust=[f"sha256:{sha256(content)}"])
    assert found.trusted_by_digest
    assert (found.content, found.artifact_format) == (content, "pickle")
    (note,) = found.notes
    assert note.startswith("The pickle was opened because its digest was trusted by name; it imports ")
    assert "sklearn.pipeline.Pipeline" in note


def test_trust_in_another_digest_is_none(put):
    error = refused(put, pickle.dumps(Evil()), "pickle", trust=["sha256:" + "0" * 64])
    assert error.code == "artifact-format-unsafe"


@pytest.mark.parametrize("entry", ["", "all", "sha256:abc", "0" * 64, "sha256:" + "G" * 64])
def test_trust_that_is_no_digest_is_misuse(put, entry):
    store, version = put(b"content")
    with pytest.raises(MisuseError, match="is no digest to trust"):
        read_artifact(store, version, trust=[entry])


def test_booster_is_lifted_where_the_pickle_holds_nothing_else(put):
    model = trained("xgboost-ubj", "probability")
    booster = xgboost.Booster()
    booster.load_model(bytearray(model.artifact))
    found = read_artifact(*put(pickle.dumps(booster), "pickle"))
    assert (found.artifact_format, found.lifted_from) == ("xgboost-lifted", "pickle")
    assert not found.trusted_by_digest
    (note,) = found.notes
    own = sha256(bytes(booster.__getstate__()["handle"]))
    assert note == (
        "The booster was lifted out of the pickle (xgboost.core.Booster) without opening it; its own bytes have "
        f"SHA-256 {own}."
    )


def test_mlflow_folder(put):
    model = trained("mlflow", "probability")
    found = read_artifact(*put(model.artifact, "mlflow", signature=model.signature_text))
    assert (found.artifact_format, found.file) == ("skops", "model.skops")
    assert found.content == model.artifact["model.skops"]
    assert found.sha256 == digest_of(model.artifact)
    assert found.notes == ()
    turned = json.dumps({**model.signature, "features": model.signature["features"][::-1]})
    (note,) = read_artifact(*put(model.artifact, "mlflow", signature=turned)).notes
    assert note.startswith("MLmodel states the features ")


def test_refusal_in_the_verdict_of_a_decision(make_log):
    import polars as pl

    content = pickle.dumps(Evil())
    folder = make_log(
        artifact=content,
        model_versions=lambda rows: rows.with_columns(
            artifact_format=pl.lit("pickle"), artifact_sha256=pl.lit(sha256(content))
        ),
    )
    replay = al.open(folder).decision("p-001").replay()
    assert (str(replay.verdict), replay.code) == ("UNREPLAYABLE", "artifact-format-unsafe")
    assert "posix.system" in replay.why
