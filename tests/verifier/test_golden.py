"""Bundles of earlier versions stay readable."""

from __future__ import annotations

from pathlib import Path

from audit_lab.seal.digests import sha256_file
from audit_lab.seal.report import Verdict
from audit_lab.verifier import verify_bundle

GOLDEN = Path(__file__).parent / "golden" / "bundle-v1.zip"


def test_version_1(bundle):
    assert sha256_file(GOLDEN) == "db3a8e702d7db21962d3e9265e3d527d02c8233cc4b3138855f8ea9d96a2a38d"
    report = verify_bundle(GOLDEN, bundle.trust)
    assert report.verdict is Verdict.UNANCHORED
    assert report.signers == ("jane@bank (key id 01fd667e75a9bed2)",)
