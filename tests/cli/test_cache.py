"""`audit-lab cache`: what is kept, and removing it after a word; and `explain --no-cache`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def kept():
    """An explanation as it would lie in this test's cache."""
    file = Path(os.environ["XDG_CACHE_HOME"]) / "audit_lab" / "explanations" / "a" / "b.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"12345")
    return file


def test_it_lists_each_kind_with_its_folder_and_size(run, kept):
    answer = run("cache")
    assert answer.code == 0
    assert str(kept.parents[1]) in answer.out
    assert "explanations: explanations of decisions, with their recorded values (personal data)" in answer.out
    found = {each["kind"]: each for each in run("cache", "--json").json["caches"]}
    assert list(found) == ["explanations", "environments", "indexes", "sketches"]
    assert (found["explanations"]["files"], found["explanations"]["size_bytes"]) == (1, 5)
    assert found["environments"]["largest_bytes"] is None


@pytest.mark.parametrize(("said", "gone"), [("y\n", True), ("n\n", False), ("", False)])
def test_it_asks_before_it_removes(run, kept, monkeypatch, said, gone):
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    answer = run("cache", "--empty", "explanations")
    assert "Remove all of this?" in answer.out + answer.err
    assert kept.exists() is not gone
    assert (answer.code == 0) is gone


def test_with_yes_it_does_not_ask(run, kept):
    answer = run("cache", "--empty", "all", "--yes", "--json")
    assert [(each["kind"], each["files"]) for each in answer.json["removed"]] == [
        ("explanations", 1),
        ("environments", 0),
        ("indexes", 0),
        ("sketches", 0),
    ]
    assert not kept.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--yes"], "--yes is given, and nothing is to be removed"),
        (["--empty", "all", "--json"], "a program cannot confirm"),
        (["--empty", "everything"], "everything"),
    ],
)
def test_what_cannot_be_meant_is_misuse(run, kept, arguments, message):
    answer = run("cache", *arguments)
    assert answer.code == 2
    assert message in answer.out + answer.err
    assert kept.exists()


def test_without_the_cache_an_explanation_is_neither_read_nor_kept(run, make_log):
    folder = Path(os.environ["XDG_CACHE_HOME"]) / "audit_lab" / "explanations"
    log = ("--log", str(make_log()))
    first = run("explain", "p-030", "--no-cache", "--json", *log).json
    assert not folder.exists()
    second = run("explain", "p-030", "--json", *log).json
    assert len(list(folder.iterdir())) == 1
    assert first["digest"] == second["digest"]
