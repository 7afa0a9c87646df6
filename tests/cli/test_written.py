"""Files that commands write beside what they print: in one way, and said."""

from __future__ import annotations

import pytest

PICTURES = [
    ("coverage",),
    ("drift", "--columns", "years", "--every", "1d", "--reference", "2024-03-04..2024-03-05"),
    ("impact", "--threshold", "0.95"),
    ("comparable", "p-030"),
    ("lineage", "show", "p-001"),
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", PICTURES, ids=lambda command: command[0])
@pytest.mark.parametrize("ending", ["SVG", "png"])
def test_a_picture_is_what_its_ending_says_and_the_answer_says_where_it_is(run, loans, here, command, ending):
    begins = {"SVG": b"<svg", "png": b"\x89PNG"}[ending]
    answer = run(*command, "--log", loans, "--picture", f"some/deep/place.{ending}")
    assert answer.err == ""
    assert (here / "some" / "deep" / f"place.{ending}").read_bytes().startswith(begins)
    assert f"Written: some/deep/place.{ending}; the folder some was made for it." in answer.out
    again = run(*command, "--log", loans, "--picture", f"some/deep/place.{ending}")
    assert f"Written: some/deep/place.{ending}." in again.out


@pytest.mark.parametrize("command", PICTURES, ids=lambda command: command[0])
def test_a_picture_of_another_ending_is_misuse_and_nothing_is_written(run, loans, here, command):
    answer = run(*command, "--log", loans, "--picture", "deep/place.gif")
    assert (answer.code, answer.out) == (2, "")
    assert "a picture cannot be written to 'deep/place.gif'" in answer.err
    assert not (here / "deep").exists()


@pytest.mark.parametrize("command", PICTURES, ids=lambda command: command[0])
def test_json_is_the_answer_alone(run, loans, tmp_path, command):
    answer = run(*command, "--log", loans, "--picture", tmp_path / "deep" / "place.svg", "--json")
    assert "Written" not in answer.out
    assert answer.json
    assert (tmp_path / "deep" / "place.svg").is_file()
