from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from audit_lab.dossier.content import Bar, Fact


class Reader(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text += data


def read(page):
    reader = Reader()
    reader.feed(page)
    return reader


def test_it_loads_nothing_and_runs_nothing(crowded):
    page = crowded.to_html()
    reader = read(page)
    assert not set(reader.tags) & {"script", "img", "link", "iframe", "object", "embed", "svg", "a", "form", "base"}
    assert not [name for name in reader.attributes if name.startswith("on") or name in {"src", "href"}]
    assert "default-src &#x27;none&#x27;" in page
    assert not re.findall(r"url\(|@import|https?:", page)


def test_hostile_text_is_text(small):
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>&amp;\u202e\x00"
    reader = read(replace(small, prediction_id=hostile, answer=(hostile,), decided=(Fact(hostile, hostile),)).to_html())
    assert not set(reader.tags) & {"script", "img"}
    assert reader.text.count("<script>alert(1)</script><img src=x onerror=alert(1)>&amp;\\u202e\\x00") >= 4


def test_nothing_is_left_out_of_it(crowded):
    text = crowded.to_html()
    assert text.count("x" * 10_240) > 500
    assert all(f"gap-{number}" in text for number in range(40))


def test_each_text_keeps_its_direction_to_itself(small):
    page = replace(small, inputs=(Bar("name", "שלום", None, "שלום", None, None, 0.0),)).to_html()
    assert "<bdi>שלום</bdi>" in page


def test_an_input_without_an_explanation_has_no_bar(small):
    page = replace(small, explained=None, inputs=(Bar("name", "1", "EUR", "1 EUR", None, None, 0.0),)).to_html()
    assert 'class="bar"' not in page
    assert "moved it by" not in page


def test_it_names_every_digest(small):
    text = read(small.to_html()).text
    for digest in ("a" * 64, "b" * 64, "c" * 64, small.digest):
        assert digest in text


def test_a_notebook_shows_the_answer(small):
    assert replace(small, answer=("<b>",))._repr_html_() == "<ul><li>&lt;b&gt;</li></ul>"
