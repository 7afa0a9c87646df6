"""What is kept for the user: counted by kind, and emptied."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from audit_lab.errors import MisuseError
from audit_lab.explain.explanation_cache import ExplanationCache
from audit_lab.face.caches import cache_folders, empty_cache


@pytest.fixture
def home():
    return Path(os.environ["XDG_CACHE_HOME"]) / "audit_lab"


def fill(home):
    for place, content in (
        ("explanations/a/b.json", b"12345"),
        ("environments/x/venv/f", b"123"),
        ("index/c/d", b"1"),
        ("sketches/e/f", b"12"),
    ):
        (home / place).parent.mkdir(parents=True)
        (home / place).write_bytes(content)


def test_each_kind_is_counted_where_it_lies(home):
    fill(home)
    assert [(each.kind, each.folder, each.files, each.size_bytes, each.largest_bytes) for each in cache_folders()] == [
        ("explanations", home / "explanations", 1, 5, 100_000_000),
        ("environments", home / "environments", 1, 3, None),
        ("indexes", home / "index", 1, 1, 16_000_000_000),
        ("sketches", home / "sketches", 1, 2, 4_000_000_000),
    ]


def test_nothing_kept_is_nothing_and_makes_no_folder(home):
    assert [(each.files, each.size_bytes) for each in cache_folders()] == [(0, 0)] * 4
    assert not home.exists()


def test_one_kind_is_emptied_and_the_others_stay(home):
    fill(home)
    assert empty_cache("explanations").size_bytes == 5
    assert empty_cache("indexes").files == 1
    assert empty_cache("sketches").size_bytes == 2
    assert [each.files for each in cache_folders()] == [0, 1, 0, 0]
    assert not ExplanationCache().folder.exists()


def test_environments_are_removed_one_by_one_and_what_is_none_stays(home, monkeypatch):
    from audit_lab.replay.environment.environment_cache import EnvironmentCache

    fill(home)
    removed = []
    monkeypatch.setattr(EnvironmentCache, "entries", lambda _: ["one", "two"])
    monkeypatch.setattr(EnvironmentCache, "remove", lambda _, built: removed.append(built))
    empty_cache("environments")
    assert removed == ["one", "two"]
    assert (home / "environments/x/venv/f").exists()


def test_a_kind_that_is_none_is_misuse():
    with pytest.raises(MisuseError, match="there is no cache of 'all'"):
        empty_cache("all")
