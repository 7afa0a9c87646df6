"""The bundle is a bag that tools read; what a trusted signer got wrong in one stands in the table of attacks."""

from __future__ import annotations

import json
import subprocess

from audit_lab.seal.digests import parse_manifest


def test_sha256sum_accepts_both_manifests(bundle, tmp_path):
    for name, content in bundle.files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--strict", "-c", manifest], cwd=tmp_path, check=True, capture_output=True)


def test_the_payload_manifest_lists_the_payload(bundle):
    listed = parse_manifest(bundle.files()["manifest-sha256.txt"], "m")
    assert set(listed) == set(bundle.payload)


def test_bag_info_bears_no_clock_but_the_signature(bundle):
    assert b"Bagging-Date: 2026-01-02\n" in bundle.files()["bag-info.txt"]


def test_the_attestation_covers_everything_but_itself(bundle):
    import base64

    files = bundle.files()
    payload = json.loads(base64.b64decode(json.loads(files["attestation.dsse.json"])["payload"]))
    assert {subject["name"] for subject in payload["subject"]} == set(files) - {"attestation.dsse.json"}
