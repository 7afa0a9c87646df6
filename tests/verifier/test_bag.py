"""BagIt manifests that a trusted signer got wrong."""

from __future__ import annotations

import json
import subprocess

from audit_lab.seal.digests import format_manifest, parse_manifest, sha256
from audit_lab.seal.statement import Statement
from audit_lab.verifier.layout import PREDICATE_TYPE


def _signed(bundle, changes):
    """Sign a bundle whose tag files were changed, so that only the bag is wrong."""
    files = {**bundle.files(), **changes}
    files.pop("attestation.dsse.json")
    statement = Statement(
        {name: sha256(content) for name, content in files.items()}, PREDICATE_TYPE, bundle.predicate.to_dict()
    )
    return {**files, "attestation.dsse.json": bundle.signed(statement.to_json(), bundle.key)}


def _with_tags(bundle, **changes):
    """Change tag files, and the tag manifest with them."""
    files = {**bundle.files(), **changes}
    tags = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt")
    changes["tagmanifest-sha256.txt"] = format_manifest({name: sha256(files[name]) for name in tags})
    return _signed(bundle, changes)


def test_sha256sum_accepts_both_manifests(bundle, tmp_path):
    for name, content in bundle.files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--strict", "-c", manifest], cwd=tmp_path, check=True, capture_output=True)


def test_the_payload_manifest_lists_the_payload(bundle):
    listed = parse_manifest(bundle.files()["manifest-sha256.txt"], "m")
    assert set(listed) == set(bundle.payload)


def test_a_manifest_with_a_file_left_out(bundle):
    listed = parse_manifest(bundle.files()["manifest-sha256.txt"], "m")
    del listed["data/README.html"]
    files = _with_tags(bundle, **{"manifest-sha256.txt": format_manifest(listed)})
    assert bundle.found_in(files) == [("bag.manifest-incomplete", "manifest-sha256.txt")]


def test_a_manifest_with_a_wrong_digest(bundle):
    listed = parse_manifest(bundle.files()["manifest-sha256.txt"], "m")
    listed["data/README.html"] = "0" * 64
    files = _with_tags(bundle, **{"manifest-sha256.txt": format_manifest(listed)})
    assert bundle.found_in(files) == [("bag.manifest-wrong", "manifest-sha256.txt")]


def test_an_empty_manifest(bundle):
    files = _with_tags(bundle, **{"manifest-sha256.txt": b""})
    assert bundle.found_in(files) == [("manifest.empty", "manifest-sha256.txt")]


def test_another_declaration(bundle):
    files = _with_tags(bundle, **{"bagit.txt": b"BagIt-Version: 0.97\n"})
    assert bundle.found_in(files) == [("bag.declaration", "bagit.txt")]


def test_another_payload_size(bundle):
    files = _with_tags(bundle, **{"bag-info.txt": b"Payload-Oxum: 1.1\n"})
    assert bundle.found_in(files) == [("bag.payload-size", "bag-info.txt")]


def test_bag_info_bears_no_clock_but_the_signature(bundle):
    assert b"Bagging-Date: 2026-01-02\n" in bundle.files()["bag-info.txt"]


def test_the_attestation_covers_everything_but_itself(bundle):
    import base64

    files = bundle.files()
    payload = json.loads(base64.b64decode(json.loads(files["attestation.dsse.json"])["payload"]))
    assert {subject["name"] for subject in payload["subject"]} == set(files) - {"attestation.dsse.json"}
