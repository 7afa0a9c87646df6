from __future__ import annotations

import pytest

from audit_lab.seal.portable_name import colliding_names, name_fault, safe_name


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a\x00b", "archive.nul-in-name"),
        ("a\\b", "archive.backslash-in-name"),
        ("/etc/passwd", "archive.absolute-path"),
        ("C:a", "archive.drive-letter"),
        ("data/../../x", "archive.path-escape"),
        ("..", "archive.path-escape"),
        ("data/", "archive.folder-entry"),
        ("a" * 241, "archive.name-too-long"),
        ("a//b", "archive.name-not-portable"),
        ("./a", "archive.name-not-portable"),
        ("a.", "archive.name-not-portable"),
        ("caf\u00e9", "archive.name-not-portable"),
        ("a b", "archive.name-not-portable"),
        ("", "archive.name-not-portable"),
        ("data/NUL.txt", "archive.name-not-portable"),
    ],
)
def test_a_name_from_outside_never_becomes_another_path(name, code):
    fault = name_fault(name)
    assert fault is not None
    assert fault[0] == code


@pytest.mark.parametrize("name", ["bagit.txt", "data/exhibits/001-abc-table/table.csv", "console.txt"])
def test_our_own_names_are_accepted(name):
    assert name_fault(name) is None


def test_names_that_a_file_system_confuses_are_found():
    assert colliding_names(["a", "B", "A"]) == ("A",)
    assert colliding_names(["e\u0301", "\u00e9"]) == ("\u00e9",)
    assert colliding_names(["a/b", "a"]) == ("a",)
    assert colliding_names(["a", "b"]) == ()


def test_safe_names_are_portable_and_keep_texts_apart():
    assert safe_name("INC-2026-014", "f" * 64) == "INC-2026-014"
    for text in ("../../etc", "a/b", "--x", "*", "con", "x" * 300, "\u202e"):
        safe = safe_name(text, "0123456789")
        assert name_fault(safe) is None
        assert "/" not in safe
        assert safe.endswith("-01234567")
