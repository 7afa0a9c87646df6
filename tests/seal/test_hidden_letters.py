"""Characters that nobody sees are named where a text is shown, in text and in attributes."""

from __future__ import annotations

import ast
import unicodedata
from pathlib import Path

import pytest

import audit_lab
from audit_lab.seal.hidden_letters import spelled, spelled_html, spelling

CONTROLS = (
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u200b\u200c\u200d\u2060\ufeff\u00ad"
)
MARK = '<mark title="A character that is not seen">U+202E</mark>'


@pytest.mark.parametrize("letter", CONTROLS)
def test_each_is_named(letter):
    assert spelled(f"a{letter}b") == f"a[U+{ord(letter):04X}]b"
    assert letter not in spelled_html(f"<p>a{letter}b</p>")
    assert f">U+{ord(letter):04X}</mark>b</p>" in spelled_html(f"<p>a{letter}b</p>")


def test_a_plane_of_its_own_has_longer_names():
    assert spelled("\U000e0041") == "[U+E0041]"


def test_in_an_attribute_it_is_named_and_no_element():
    html = '<p title="> a\u202eb" id=\'"\u202e\'>x \u202e y &lt;\u202e</p>'
    assert spelled_html(html) == f'<p title="> a[U+202E]b" id=\'"[U+202E]\'>x {MARK} y &lt;{MARK}</p>'


@pytest.mark.parametrize("text", ["plain", "Grüße, ελ, עברית, عربي, 日本語, 👍🏽 é e\u0301", "a\nb\tc\u00a0d"])
def test_what_is_seen_stays(text):
    assert spelled(text) == text
    assert spelled_html(f"<p>{text}</p>") == f"<p>{text}</p>"


def test_every_control_of_direction_is_known():
    for code in range(0x110000):
        if unicodedata.bidirectional(chr(code)) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}:
            assert spelled(chr(code)) != chr(code)


def test_what_shows_itself_in_a_notebook_names_them():
    class Said:
        @spelling
        def _repr_html_(self):
            """Say it."""
            return "<p>a\u202eb</p>"

    assert Said()._repr_html_() == f"<p>a{MARK}b</p>"
    assert Said._repr_html_.__doc__ == "Say it."


def test_nothing_shows_itself_in_a_notebook_without_naming_them():
    shown, raw = 0, []
    for path in Path(audit_lab.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name == "_repr_html_":
                shown += 1
                raw += [] if any(ast.unparse(each) == "spelling" for each in node.decorator_list) else [path.name]
    assert shown > 25
    assert raw == []
