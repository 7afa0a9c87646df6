"""Where the search for logs goes, and where it does not."""

from __future__ import annotations

import pytest

from audit_lab.errors import MisuseError
from audit_lab.lab.folders import find_logs, inside


def found(root):
    return [folder.relative_to(root).as_posix() for folder in find_logs(root).folders]


def test_logs_are_found_at_every_level_and_sorted(tmp_path, make_log):
    make_log(tmp_path / "b")
    make_log(tmp_path / "a" / "deep" / "er")
    assert found(tmp_path) == ["a/deep/er", "b"]


def test_the_root_itself_may_be_a_log(tmp_path, make_log):
    make_log(tmp_path / "log")
    assert found(tmp_path / "log") == ["."]
    assert inside(tmp_path / "log", ".") == tmp_path / "log"


def test_symlinks_are_not_followed_even_to_a_log_inside(tmp_path, make_log):
    make_log(tmp_path / "log")
    (tmp_path / "link").symlink_to(tmp_path / "log")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert found(tmp_path) == ["log"]


def test_hidden_and_installed_folders_are_not_searched(tmp_path, make_log):
    for folder in (".hidden", "node_modules", "site-packages"):
        make_log(tmp_path / folder / "log")
    assert found(tmp_path) == []


def test_another_manifest_is_no_log(tmp_path):
    (tmp_path / "manifest.json").write_text('{"format": "another"}')
    assert found(tmp_path) == []


def test_a_truncated_manifest_that_names_the_format_is_a_log(tmp_path):
    (tmp_path / "manifest.json").write_text('{"format": "audit_lab.log", ')
    assert found(tmp_path) == ["."]


def test_a_search_that_stops_at_a_bound_says_so(tmp_path, make_log):
    make_log(tmp_path / "1/2/3/4/5/6")
    assert find_logs(tmp_path).complete is True
    make_log(tmp_path / "1/2/3/4/5/x/7")
    assert found(tmp_path) == ["1/2/3/4/5/6"]
    assert find_logs(tmp_path).complete is False


def test_a_symlink_that_stays_inside_may_be_named(tmp_path, make_log):
    make_log(tmp_path / "log")
    (tmp_path / "link").symlink_to(tmp_path / "log")
    assert inside(tmp_path, "link") == tmp_path / "log"


def test_a_symlink_in_the_middle_of_a_path_is_resolved(tmp_path, make_log):
    root = tmp_path / "root"
    root.mkdir()
    make_log(tmp_path / "other" / "log")
    (root / "link").symlink_to(tmp_path / "other")
    with pytest.raises(MisuseError, match="leads out"):
        inside(root, "link/log")


@pytest.mark.parametrize("name", ["", "/log", "../log", "a/../log", "log/..", ".log", "a\\b", "log\0"])
def test_only_a_plain_path_is_taken(tmp_path, make_log, name):
    make_log(tmp_path / "log")
    with pytest.raises(MisuseError, match="not a plain path"):
        inside(tmp_path, name)
