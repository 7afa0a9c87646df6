"""Nothing active survives in a picture (attack 23)."""

from __future__ import annotations

import pytest

from audit_lab.case.inert_svg import inert_svg
from audit_lab.errors import MisuseError

OPEN = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'


@pytest.mark.parametrize(
    ("inside", "gone"),
    [
        ("<script>alert(1)</script>", "alert"),
        ('<rect onclick="alert(1)"/>', "alert"),
        ('<rect OnLoad="alert(1)"/>', "alert"),
        ('<a href="javascript:alert(1)"><rect/></a>', "alert"),
        ('<a xlink:href="https://example.com"><rect/></a>', "example"),
        ('<image href="https://example.com/x.png"/>', "example"),
        ('<image xlink:href="data:text/html;base64,AAAA"/>', "html"),
        ('<use href="https://example.com/x.svg#a"/>', "example"),
        ("<foreignObject><p xmlns='http://www.w3.org/1999/xhtml'>x</p></foreignObject>", "foreign"),
        ("<style>@import url(https://example.com)</style>", "example"),
        ('<rect style="fill:url(https://example.com/x)"/>', "example"),
        ('<rect fill="url(https://example.com#x)"/>', "example"),
        ('<animate attributeName="href" values="javascript:alert(1)"/>', "alert"),
        ('<set attributeName="onload" to="alert(1)"/>', "alert"),
        ('<h:script xmlns:h="http://www.w3.org/1999/xhtml">alert(1)</h:script>', "alert"),
        ("<!-- alert(1) --><?xml-stylesheet href='https://example.com'?>", "alert"),
    ],
)
def test_what_acts_or_loads_is_taken_out(inside, gone):
    assert gone not in inert_svg(f'{OPEN}{inside}<rect width="1"/></svg>')


def test_what_draws_stays():
    inside = '<g clip-path="url(#c)" aria-label="bar"><path d="M0 0" fill="#fff" /><text>a &lt;b&gt;</text></g>'
    picture = inert_svg(f"{OPEN}{inside}</svg>")
    assert inside in picture


def test_what_a_link_draws_stays():
    assert "<rect" in inert_svg(f'{OPEN}<a href="https://example.com"><rect/></a></svg>')


def test_references_inside_the_picture_and_pictures_in_it_stay():
    picture = inert_svg(f'{OPEN}<use href="#a"/><image href="data:image/png;base64,AAAA"/></svg>')
    assert 'href="#a"' in picture
    assert "data:image/png;base64,AAAA" in picture


def test_a_picture_without_namespace_gets_it():
    assert inert_svg("<svg><rect/></svg>") == '<svg xmlns="http://www.w3.org/2000/svg"><rect /></svg>'


@pytest.mark.parametrize(
    "text",
    [
        "<svg",
        "<html/>",
        "",
        '<!DOCTYPE svg [<!ENTITY a "b">]><svg/>',
        '<?xml version="1.0"?><!DOCTYPE svg><svg/>',
        "<svg>\x00</svg>",
    ],
)
def test_what_is_no_picture_is_refused(text):
    with pytest.raises(MisuseError):
        inert_svg(text)
