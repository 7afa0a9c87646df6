from __future__ import annotations

import subprocess

import pytest

from audit_lab.seal.digests import format_manifest, parse_manifest, sha256, sha256_file
from audit_lab.seal.malformed import MalformedError

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1


def test_sha256_of_the_standard_example(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(b"abc") == ABC
    assert sha256_file(tmp_path / "abc") == ABC


def test_sha256sum_accepts_a_manifest(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    (tmp_path / "manifest").write_bytes(format_manifest({"abc": ABC}))
    subprocess.run(["sha256sum", "--strict", "-c", "manifest"], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "manifest.empty"),
        (f"{ABC}  b\n{ABC}  a\n".encode(), "manifest.malformed"),
        (f"{ABC}  a\n{ABC}  a\n".encode(), "manifest.duplicate-name"),
        (f"{ABC}  a".encode(), "manifest.malformed"),
        (f"{ABC} a\n".encode(), "manifest.malformed"),
        (f"{ABC.upper()}  a\n".encode(), "manifest.malformed"),
        (f"{ABC}  a\r\n".encode(), "manifest.malformed"),
        (f"{ABC}  a\n\n".encode(), "manifest.malformed"),
        (f"{ABC}  \xff\n".encode("latin-1"), "manifest.malformed"),
    ],
)
def test_a_manifest_that_would_not_print_back_is_refused(content, code):
    with pytest.raises(MalformedError) as caught:
        parse_manifest(content, "manifest")
    assert caught.value.code == code


def test_a_manifest_reads_back():
    assert parse_manifest(format_manifest({"b": ABC, "a/c": ABC}), "m") == {"a/c": ABC, "b": ABC}
