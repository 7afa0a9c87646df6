"""Bundles of earlier versions stay readable."""

from __future__ import annotations

from pathlib import Path

from audit_lab.seal.digests import sha256_file
from audit_lab.seal.keys import PublicKey
from audit_lab.seal.report import Verdict
from audit_lab.seal.trust import Trust, TrustedKey
from audit_lab.verifier import verify_bundle

FOLDER = Path(__file__).parent / "golden"
GOLDEN = FOLDER / "bundle-v1.zip"
GOLDEN_2 = FOLDER / "bundle-v2.zip"
LOG_KEY = "demonstration-loans+26914098+AWvH2X8TCFhm8qOsji/jR0rYCnPAHA9zJLxJiN/M790f"


def test_version_1(bundle):
    assert sha256_file(GOLDEN) == "db3a8e702d7db21962d3e9265e3d527d02c8233cc4b3138855f8ea9d96a2a38d"
    report = verify_bundle(GOLDEN, bundle.trust)
    assert report.verdict is Verdict.UNANCHORED
    assert report.signers == ("jane@bank (key id 01fd667e75a9bed2)",)


def test_version_2(bundle):
    """A bundle with proven rows, two columns withheld, and the model."""
    assert sha256_file(GOLDEN_2) == "96853158de67ad7f2850e9ad861aec13e353f5e7d8c5fad585ff5b8c2363c861"
    investigator = TrustedKey(bundle.key.public, "investigator", "*")
    trust = Trust((investigator, TrustedKey(PublicKey.parse(LOG_KEY), "log", "demonstration-loans")), "both")
    report = verify_bundle(GOLDEN_2, trust)
    assert report.verdict is Verdict.UNANCHORED
    assert report.signers[-1] == "demonstration-loans (key id 269140989f29b4e4), for the log's checkpoint"
    assert any(line.startswith("8 rows of the log: each in its segment") for line in report.checked)
    assert any(line.startswith("model artifacts have the digests") for line in report.checked)
