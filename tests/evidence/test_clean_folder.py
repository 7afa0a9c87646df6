"""The folder that a notebook runs in: empty, and the relative paths to its logs lead where they led."""

from __future__ import annotations

import pytest

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.evidence.clean_folder import clean_folder


@pytest.fixture
def home(tmp_path):
    """Make a notebook's folder with two logs, one beside it and one above, and another log elsewhere."""
    for place in ("a/notebooks/log", "a/logs/loans", "elsewhere"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "name").write_text(place)
    (tmp_path / "a" / "file").write_text("no log")
    return tmp_path / "a" / "notebooks"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("log", "a/notebooks/log"),
        ("./log/", "a/notebooks/log"),
        ("../logs/loans", "a/logs/loans"),
        ("../logs/../logs/loans", "a/logs/loans"),
        ("../notebooks/log", "a/notebooks/log"),
        ("../../a/logs/loans", "a/logs/loans"),
    ],
)
def test_a_relative_path_leads_to_its_log(home, tmp_path, path, found):
    folder = clean_folder(tmp_path / "world", [f"al.open({path!r})"], home)
    assert (folder / path / "name").read_text() == found
    assert [each.name for each in folder.iterdir() if not each.is_symlink()] == []


def test_two_logs_one_inside_the_other(home, tmp_path):
    folder = clean_folder(tmp_path / "world", ['al.open("../logs"); al.open("../logs/loans")'], home)
    assert (folder / "../logs/loans/name").read_text() == "a/logs/loans"


@pytest.mark.parametrize("source", ["1 + 1", 'al.open("none")', 'al.open("../file")', 'al.open("..")', 'al.open(".")'])
def test_where_no_log_can_stand_there_is_an_empty_folder(home, tmp_path, source):
    folder = clean_folder(tmp_path / "world", [source], home)
    assert list(folder.iterdir()) == []
    assert not (folder / "../file").exists()


def test_another_log_stands_in_the_place_of_the_one_that_is_opened(home, tmp_path):
    source = ['LOG = "../logs/loans"', "al.open(LOG)"]
    folder = clean_folder(tmp_path / "world", source, home, tmp_path / "elsewhere")
    assert (folder / "../logs/loans/name").read_text() == "elsewhere"


@pytest.mark.parametrize(("source", "count"), [("1 + 1", "no log"), ('al.open("a"); al.open("b")', "2 logs")])
def test_another_log_needs_one_place(home, tmp_path, source, count):
    with pytest.raises(MisuseError, match=f"opens {count}"):
        clean_folder(tmp_path / "world", [source], home, tmp_path / "elsewhere")


def test_where_no_links_can_be_made(home, tmp_path, monkeypatch):
    def refuse(*_given, **_named):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.symlink_to", refuse)
    with pytest.raises(AuditLabError, match=r"Operation not permitted.*--own-folder"):
        clean_folder(tmp_path / "world", ['al.open("log")'], home)
