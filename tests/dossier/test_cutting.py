from __future__ import annotations

import pytest

from audit_lab.dossier.cutting import Cutter, readable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Ærø €5", "Ærø €5"),
        ("a\tb", r"a\tb"),
        ("\u202e", r"\u202e"),
        ("\xad", r"\xad"),
        ("中", r"\u4e2d"),
        ("\udc80", r"\udc80"),
    ],
)
def test_text_is_shown_on_one_line_and_nothing_of_it_is_lost(text, shown):
    assert readable(text) == shown


def test_only_ascii_where_only_that_is_wanted():
    assert readable("é", only_ascii=True) == r"\xe9"


def test_a_text_that_fits_is_whole():
    cut = Cutter(0.5)
    assert cut.text("abcde", 5, 1) == "abcde"
    assert cut.left_out == {}


def test_a_text_that_does_not_fit_says_how_long_it_is():
    cut = Cutter(0.5)
    assert cut.text("abcdefgh" * 200, 5, 1) == "abcde… [1,600 characters]"
    assert cut.left_out == {"texts": 1}


def test_escapes_count_as_what_they_take():
    cut = Cutter(0.5)
    assert cut.text("\x00\x01", 5, 1) == r"\x00\… [2 characters]"


def test_lists_grow_shorter_before_texts_do():
    cut = Cutter(0.5)
    assert cut.text("abcde", 5, 1) == "abcde"
    assert cut.some("letters", "abcdef", 6) == "abc"
    assert cut.left_out == {"letters": 3}


def test_the_least_is_always_shown():
    cut = Cutter(0.01)
    assert cut.some("letters", "abcdef", 6, 2) == "ab"
    assert cut.text("abcdef", 6, 3) == "abc… [6 characters]"
