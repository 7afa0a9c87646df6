"""``audit-lab diff``: what it prints, and its exit codes."""

from __future__ import annotations

import pytest

from tests.verifier.conftest import Bundle


@pytest.fixture
def bundles(tmp_path):
    """Return two bundles that differ in their conclusion, and in a page."""
    one, other = Bundle(), Bundle().edit_investigation(conclusion="[bold]No[/bold]")
    other.payload["data/README.html"] = b"x"
    paths = tmp_path / "a.zip", tmp_path / "b.zip"
    for path, bundle in zip(paths, (one, other), strict=True):
        path.write_bytes(bundle.archive())
    return paths


def test_what_changed_is_printed_with_the_verdict_of_each(run, bundles):
    answer = run("diff", *bundles)
    assert answer.code == 1
    said = " ".join(answer.out.split())
    assert "FAILED" in said
    assert "(signature.key-not-trusted)" in said
    assert "Conclusion - conclusion changed: Because. -> [bold]No[/bold]" in said
    assert "Pages - data/README.html changed" in said


def test_the_same_bundle_does_not_differ(run, bundles):
    answer = run("diff", bundles[0], bundles[0])
    assert (answer.code, "Nothing changed." in answer.out) == (0, True)


def test_json_gives_all_of_it(run, bundles):
    answer = run("diff", *bundles, "--json")
    assert (answer.code, answer.json["equal"]) == (1, False)
    assert [change["part"] for change in answer.json["changes"]] == ["conclusion", "pages"]
    assert answer.json["before"]["findings"] == ["signature.key-not-trusted"]


def test_times_can_be_ignored_and_nothing_else_can(run, bundles, tmp_path):
    later = Bundle().attest(signed_at="2026-02-02T00:00:00.000000Z")
    later.payload["data/README.html"] = b"signed in February"
    (tmp_path / "later.zip").write_bytes(later.archive())
    assert run("diff", bundles[0], tmp_path / "later.zip").code == 1
    assert run("diff", bundles[0], tmp_path / "later.zip", "--ignore-times").code == 0
    assert run("diff", *bundles, "--ignore-times").code == 1


def test_what_cannot_be_compared_is_misuse(run, bundles, tmp_path):
    (tmp_path / "no.zip").write_bytes(b"hello")
    for other in (tmp_path / "no.zip", tmp_path / "gone.zip"):
        answer = run("diff", bundles[0], other)
        assert (answer.code, answer.out) == (2, "")
        assert other.name in answer.err
