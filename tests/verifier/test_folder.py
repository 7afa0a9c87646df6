"""The same bundle, unpacked."""

from __future__ import annotations

import pytest

from audit_lab.errors import IntegrityError, MisuseError
from audit_lab.seal.report import Verdict
from audit_lab.verifier import verify_bundle


@pytest.fixture
def folder(bundle, tmp_path):
    for name, content in bundle.files().items():
        path = tmp_path / "case" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "case"


def test_an_unpacked_bundle_is_accepted(bundle, folder):
    assert verify_bundle(folder, bundle.trust).verdict is Verdict.UNANCHORED


def test_nothing_there_is_misuse(tmp_path, bundle):
    with pytest.raises(MisuseError, match=r"none\.zip cannot be read"):
        verify_bundle(tmp_path / "none.zip", bundle.trust)


def test_an_archive_on_disk(bundle, tmp_path):
    path = tmp_path / "case.zip"
    path.write_bytes(bundle.archive())
    assert verify_bundle(path, bundle.trust).verdict is Verdict.UNANCHORED
    with pytest.raises(IntegrityError) as caught:
        verify_bundle(path, bundle.trust, require_anchor=True)
    assert [finding.code for finding in caught.value.report.findings] == ["anchor.missing"]
