"""Characters that nobody sees are named where a text is shown, in text and in attributes."""

from __future__ import annotations

import ast
import re
import unicodedata
from pathlib import Path

import pytest

import audit_lab
from audit_lab.seal.hidden_letters import spelled, spelled_html, spelled_text, spelling, spelling_text

CONTROLS = (
    "\x00\x01\x07\x08\x0b\x0c\x0e\x1b\x1f\x7f\x80\x85\x9b\x9f\u2028\u2029"
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


def test_every_control_is_named_but_what_ends_a_line_or_moves_along_it():
    assert {chr(code) for code in range(0xA0) if spelled(chr(code)) == chr(code) and not chr(code).isprintable()} == {
        "\t",
        "\n",
        "\r",
    }


def test_for_a_terminal_what_goes_back_over_a_line_is_named_too():
    assert spelled_text("\x1b]0;owned\x07\x1b[2Ja\rb\r\nc") == "[U+001B]]0;owned[U+0007][U+001B][2Ja[U+000D]b\r\nc"
    assert spelled_text("plain, gr\u00fcn") == "plain, gr\u00fcn"


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


def test_what_a_person_prints_names_them():
    class Said:
        @spelling_text
        def __repr__(self):
            """Say it."""
            return "a\x1b[2Jb"

        @spelling_text
        def summary(self):
            return ["a\rb", "c"]

    assert (repr(Said()), Said().summary()) == ("a[U+001B][2Jb", ["a[U+000D]b", "c"])
    assert Said.__repr__.__doc__ == "Say it."


def test_nothing_that_a_person_prints_goes_without_naming_them():
    told, raw = 0, []
    for path in Path(audit_lab.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and is_printed(node, path):
                told += 1
                named = any(ast.unparse(each) == "spelling_text" for each in node.decorator_list)
                raw += [] if named else [f"{path.name}: {node.name}"]
    assert told > 50
    assert raw == []


def is_printed(node, path):
    """Return whether a method's text is for people; a protocol's has no body, and what samples is shown printable."""
    if path.name == "samplings.py" or (path.parent.name, path.name) == ("lab", "logs.py"):
        return False
    is_said = node.name in {"summary", "describe"} and ast.unparse(node.returns) in {"str", "list[str]"}
    return is_said or node.name == "__repr__"


@pytest.mark.parametrize(
    "script",
    [
        "extensions/labextension/src/spelling.ts",
        "extensions/widgets/src/spelling.ts",
        "audit_lab/evidence/verify_page/report.js",
    ],
)
def test_what_runs_in_a_browser_names_the_same_ones(script):
    text = (Path(audit_lab.__file__).parents[1] / script).read_text("utf-8")
    named = re.search(r"/(\[.*\])/gu", text)[1]
    known = re.compile(re.sub(r"\\u\{([0-9a-f]{5})\}", r"\\U000\1", named))
    differing = [code for code in range(0x110000) if (spelled(chr(code)) != chr(code)) != bool(known.search(chr(code)))]
    assert differing == []
