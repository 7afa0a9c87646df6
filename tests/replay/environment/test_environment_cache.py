from __future__ import annotations

import pytest

from audit_lab.errors import NotFoundError
from audit_lab.replay.environment.construction import prepare_environment

CLOSED = {"numpy": "1.0", "scipy": "1.5", "xgboost": "2.1"}


def test_nothing_built_is_nothing_listed(cache):
    assert cache.entries() == []


def test_the_newest_is_listed_first(registry, small_child, recorded, cache):
    first = prepare_environment(recorded(CLOSED), cache=cache)
    second = prepare_environment(recorded({**CLOSED, "numpy": "1.1"}), cache=cache)
    assert [built.digest for built in cache.entries()] == [second.digest, first.digest]


def test_an_environment_is_named_by_the_beginning_of_its_digest(registry, small_child, recorded, cache):
    built = prepare_environment(recorded(CLOSED), cache=cache)
    assert cache.named(built.digest[:6]) == built
    for beginning in ("", built.digest[:5], "zzzzzz"):
        with pytest.raises(NotFoundError, match="does not name one environment"):
            cache.named(beginning)


def test_a_removed_environment_is_gone_and_can_be_built_again(registry, small_child, recorded, cache):
    built = prepare_environment(recorded(CLOSED), cache=cache)
    cache.remove(built)
    assert cache.entries() == []
    assert not built.folder.exists()
    assert list(cache.folder.glob(".aside-*")) == []
    assert prepare_environment(recorded(CLOSED), cache=cache).packages == CLOSED


def test_a_folder_without_an_entry_is_not_an_environment(cache):
    (cache.folder / ("0" * 64) / "venv" / "bin").mkdir(parents=True)
    (cache.folder / ("0" * 64) / "venv" / "bin" / "python").touch()
    assert cache.find("0" * 64) is None
    assert cache.entries() == []


def test_an_environment_whose_interpreter_is_gone_is_not_used(registry, small_child, recorded, cache):
    built = prepare_environment(recorded(CLOSED), cache=cache)
    built.environment.python.unlink()
    assert cache.find(built.digest) is None


def test_an_environment_is_not_found_under_another_s_digest(registry, small_child, recorded, cache):
    built = prepare_environment(recorded(CLOSED), cache=cache)
    built.folder.rename(cache.folder / ("f" * 64))
    assert cache.find("f" * 64) is None


def test_the_cache_is_the_user_s_own(registry, small_child, recorded, cache):
    prepare_environment(recorded(CLOSED), cache=cache)
    assert cache.folder.stat().st_mode & 0o077 == 0
