"""Model artifacts leave when they are asked for, and their digests are checked before anything could open them."""

from __future__ import annotations

import shutil

import pytest

from audit_lab.errors import LogError
from audit_lab.evidence.export import export_case
from audit_lab.evidence.leaving import Leaving
from audit_lab.seal.digests import sha256
from audit_lab.verifier.bundle import examine_bundle


@pytest.fixture
def with_models(loans, make_loans_case, key, kept_loans, unpacked):
    """Return the bundle that holds the model, unpacked; the archive is made once."""
    bundle = kept_loans / "with-models.zip"
    if not bundle.exists():
        leaving = Leaving(vault=loans.vault, include_models=True)
        export_case(make_loans_case(loans.folder), bundle, key=key, leaving=leaving)
    return type(unpacked).read(bundle, key)


@pytest.fixture
def digest(with_models):
    (digest,) = with_models.predicate.models
    return digest


def place(digest):
    return f"data/models/artifacts/{digest}/model.ubj"


def test_by_default_only_digests_leave(unpacked):
    assert [name for name in unpacked.files if name.startswith("data/models/")] == ["data/models/digests.json"]
    assert unpacked.predicate.models == ()


def test_the_artifact_leaves_when_it_is_asked_for(with_models, digest, trust, loans):
    assert with_models.files[place(digest)] == (loans.folder / "artifacts" / "loans-1.ubj").read_bytes()
    report = with_models.report(trust)
    assert report.findings == ()
    assert (
        "model artifacts have the digests that they are named by, and exhibits speak of these models" in report.checked
    )


def test_an_artifact_that_was_swapped_is_a_finding_of_its_digest(with_models, digest, trust):
    with_models.files[place(digest)] = b"another model"
    assert with_models.found(trust) == [("model.digest-differs", place(digest))]


def test_an_artifact_that_differs_in_a_byte_and_behaves_the_same(with_models, digest, trust):
    with_models.files[place(digest)] += b"\n"
    assert with_models.found(trust) == [("model.digest-differs", place(digest))]


def test_a_file_put_beside_an_artifact(with_models, digest, trust):
    with_models.files[place(digest).replace("model.ubj", "more.pkl")] = b"\x80\x04."
    assert with_models.found(trust) == [("model.digest-differs", place(digest))]


def test_an_artifact_that_was_taken_out(with_models, digest, trust):
    del with_models.files[place(digest)]
    assert with_models.found(trust) == [("model.missing", "attestation.dsse.json")]


def test_an_artifact_of_a_model_that_no_exhibit_speaks_of(with_models, digest, trust):
    other = sha256(b"another model")
    with_models.files[place(other)] = b"another model"
    assert with_models.found(trust) == [("model.not-attested", place(other)), ("model.of-no-exhibit", place(other))]
    with_models.attest(models=tuple(sorted((digest, other))))
    assert with_models.found(trust) == [("model.of-no-exhibit", place(other))]


def test_models_of_a_log_that_is_not_sealed_leave_too(make_log, make_loans_case, key, trust, tmp_path):
    bundle = tmp_path / "plain.zip"
    export_case(make_loans_case(make_log()), bundle, key=key, leaving=Leaving(include_models=True))
    assert examine_bundle(bundle, trust).findings == ()


def test_an_artifact_that_is_another_one_by_now_is_not_exported(loans, make_loans_case, key, tmp_path):
    own = loans.copy(tmp_path)
    case = make_loans_case(own.folder)
    (own.folder / "artifacts" / "loans-1.ubj").write_bytes(b"another model")
    with pytest.raises(LogError, match="is another one by now"):
        export_case(case, tmp_path / "out", key=key, leaving=Leaving(vault=own.vault, include_models=True))
    shutil.rmtree(own.folder / "artifacts")
    with pytest.raises(LogError, match="is missing"):
        export_case(case, tmp_path / "out", key=key, leaving=Leaving(vault=own.vault, include_models=True))
    assert not list(tmp_path.glob("out/*"))


def test_a_case_exports_its_models_by_a_word(loans, make_loans_case, key, tmp_path, unpacked):
    case = make_loans_case(loans.folder)
    bundle = case.export(tmp_path / "b.zip", key=key, include_models=True, vault=loans.vault)
    assert len(type(unpacked).read(bundle, key).predicate.models) == 1
