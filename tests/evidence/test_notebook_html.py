"""The page of a notebook: everything to read, nothing that runs or loads (attack 23)."""

from __future__ import annotations

import base64
import hashlib
import re

import nbformat
import pytest

from audit_lab.evidence.html_cleaning import clean_html
from audit_lab.evidence.notebook_html import render_html

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><title>Bars &amp; more</title><rect width="5"/><text>label</text></svg>'


def _notebook(*cells):
    notebook = nbformat.v4.new_notebook(cells=list(cells))
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    return (nbformat.writes(notebook) + "\n").encode()


def _output(**data):
    kinds = {"html": "text/html", "svg": "image/svg+xml", "plain": "text/plain", "png": "image/png"}
    kinds |= {"markdown": "text/markdown", "script": "application/javascript", "latex": "text/latex"}
    kinds["widget"] = "application/vnd.jupyter.widget-view+json"
    bundle = {kinds[kind]: content for kind, content in data.items()}
    return nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("display_data", bundle)])


def _page(*cells):
    return render_html(_notebook(*cells)).decode()


def _body(page):
    return page.partition("<body>")[2]


def _pictures(page):
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    return [base64.b64decode(each).decode() for each in found]


def test_the_page_names_the_notebook_it_was_made_from():
    notebook = _notebook(nbformat.v4.new_markdown_cell("# Title"))
    mark = f'<meta name="audit-lab-notebook-sha256" content="{hashlib.sha256(notebook).hexdigest()}">'
    assert mark.encode() in render_html(notebook)


def test_the_policy_forbids_everything_but_styles_and_pictures_in_the_page():
    head = _page().partition("<style>")[0]
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', head)
    assert policy is not None
    assert policy.group(1).startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")


def test_the_title_is_the_first_heading():
    assert "<title>A &amp; B</title>" in _page(nbformat.v4.new_markdown_cell("text"), _heading("# A & B"))


def _heading(text):
    return nbformat.v4.new_markdown_cell(text)


def test_text_code_and_output_are_there():
    cell = nbformat.v4.new_code_cell("answer = 6 * 7", outputs=[nbformat.v4.new_output("stream", text="forty-two\n")])
    body = _body(_page(_heading("**Bold** claim"), cell))
    assert "<strong>Bold</strong>" in body
    assert "answer" in body
    assert "forty-two" in body


def test_a_chart_becomes_a_picture_in_the_page():
    page = _page(_output(svg=SVG, plain="alt.Chart(...)"))
    assert "<rect" in _pictures(page)[0]
    assert 'alt="Bars &amp; more"' in page
    assert "alt.Chart" not in page


def test_a_chart_inside_html_becomes_a_picture():
    page = _page(_output(html=f"<div><p>before</p>{SVG}<p>after</p></div>"))
    assert "<text>label</text>" in _pictures(page)[0]
    assert "before" in page
    assert "after" in page


def test_a_png_is_shown():
    assert 'src="data:image/png;base64,iVBORw0KGgo="' in _page(_output(png="iVBORw0KGgo=", plain="<Figure>"))


def test_a_table_is_shown_with_its_styles():
    html = '<table class="dataframe"><tr><td style="color: red; position: fixed">1</td></tr></table>'
    assert '<td style="color:red">1</td>' in _page(_output(html=html))


def test_html_that_shows_nothing_without_a_script_gives_way_to_the_picture():
    page = _page(_output(html='<div id="vis"></div><script>embed()</script>', svg=SVG))
    assert len(_pictures(page)) == 1


def test_html_that_needs_a_script_is_said_to():
    page = _page(_output(html='<div id="vis"></div><script>embed()</script>', plain="alt.Chart(...)"))
    assert "needs a script to be shown" in page


def test_a_widget_gives_way_to_its_static_form():
    page = _page(_output(widget={"model_id": "x"}, html="<p>static view</p>", plain="Widget()"))
    assert "static view" in page
    assert "model_id" not in page


ATTACKS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<svg><foreignObject><iframe src='javascript:alert(1)'></iframe></foreignObject></svg>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' jAvascript&#58;alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<iframe src='https://example.com/alert(1)'></iframe>",
    "<object data='https://example.com/alert(1)'></object>",
    "<form action='https://example.com/alert(1)'><button>x</button></form>",
    "<link rel=stylesheet href='https://example.com/alert(1)'>",
    "<meta http-equiv=refresh content='0;url=https://example.com/alert(1)'>",
    "<base href='https://example.com/alert(1)'>",
    "<style>body{background:url(https://example.com/alert(1))}</style>",
    "<div style='background:url(https://example.com/alert(1))'>x</div>",
    "<img src='https://example.com/alert(1).png'>",
    "<img srcset='https://example.com/alert(1).png 1x'>",
    "<video src='https://example.com/alert(1)' autoplay></video>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<details open ontoggle=alert(1)>x</details>",
    "<input autofocus onfocus=alert(1)>",
]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("place", ["markdown", "html", "markdown output", "html and svg"])
def test_nothing_that_runs_or_loads_survives(attack, place):
    cell = {
        "markdown": lambda: _heading(f"text\n\n{attack}\n\ntext"),
        "html": lambda: _output(html=f"<p>text</p>{attack}"),
        "markdown output": lambda: _output(markdown=f"text\n\n{attack}"),
        "html and svg": lambda: _output(html=attack, svg=attack, plain="text"),
    }[place]()
    page = _page(cell)
    body = _body(page)
    for each in (body, *_pictures(page)):
        # What remains of an attack is text: no tag may hold it.
        for tag in re.findall(r"<[a-zA-Z][^>]*>", each):
            assert not re.match(r"<(script|iframe|object|embed|form|link|meta|base|style|video|input|foreign)", tag)
            assert not re.search(r"\son\w+\s*=", tag)
            assert "alert(1)" not in tag
            assert "javascript" not in tag
            assert not re.search(r"(src|srcset|data|action)=\"?https?:", tag)


@pytest.mark.parametrize(
    "text", ["[x](javascript:alert(1))", "![x](https://example.com/a.png)", "<javascript:alert(1)>"]
)
def test_markdown_links_that_act_or_load_are_text(text):
    body = _body(_page(_heading(text)))
    assert 'href="javascript' not in body
    assert "<img" not in body


def test_a_link_to_follow_by_hand_stays():
    assert 'href="https://example.com/"' in _body(_page(_heading("[x](https://example.com/)")))


def test_script_outputs_and_latex_are_inert():
    page = _page(_output(script="alert(1)", plain="js"), _output(latex="$\\alpha<script>$"))
    assert "alert(1)" not in page
    assert "<script" not in page


def test_names_and_metadata_are_text():
    cell = _output(plain="<script>alert(1)</script>\x1b[31mred\x1b[0m")
    cell.metadata["name"] = "<script>"
    cell.metadata["tags"] = ['"><script>alert(1)</script>']
    assert "<script" not in _page(cell)


def test_nothing_in_the_page_loads_from_the_network():
    page = _page(_heading("# T\n\n$x^2$"), _output(svg=SVG), _output(html="<p>x</p>"))
    assert re.findall(r'(?:src|href|url\()\s*=?\s*["\']?(?:https?:)?//[^"\')]*', page) == []


def test_the_same_notebook_gives_the_same_bytes():
    notebook = _notebook(_heading("# T"), _output(svg=SVG), _output(html="<p>x</p>"))
    assert render_html(notebook) == render_html(notebook)


def test_cleaning_is_idempotent():
    once = clean_html(f'<p id="a" class="b">x</p>{SVG}<img src="data:image/png;base64,AAAA" alt="c">')
    assert clean_html(once) == once


def test_what_turns_the_direction_of_text_is_named_in_code_text_outputs_and_pictures():
    turned = "x \u202ey"
    drawing = SVG.replace("label", turned).replace("Bars", turned)
    markdown = nbformat.v4.new_markdown_cell(f"# {turned}\n\n&#x202e;z")
    code = nbformat.v4.new_code_cell(
        f"name = '{turned}'", outputs=_output(html=f"<p title='{turned}'>{turned}</p>").outputs
    )
    page = render_html(_notebook(markdown, code, _output(svg=drawing))).decode()
    assert "\u202e" not in page
    assert "<title>x [U+202E]y</title>" in page
    assert page.count(">U+202E</mark>") >= 4
    assert '<p title="x [U+202E]y">' in page
    (picture,) = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page)
    assert "x [U+202E]y" in base64.b64decode(picture).decode()


def table_of(*names, value="1"):
    cells = "".join(f"<th>{name}</th>" for name in names), "".join(f"<td class='x'>{value}</td>" for _ in names)
    return f"<table><thead><tr>{cells[0]}</tr></thead><tbody><tr>{cells[1]}</tr></tbody></table>"


def test_only_words_for_which_a_page_has_no_room_may_be_broken():
    narrow = render_html(_notebook(_output(html=table_of("Feature", "Contribution", "recorded_value")))).decode()
    assert 'class="long"' not in narrow
    digest = render_html(_notebook(_output(html=table_of("Feature", "Digest", value="a" * 64)))).decode()
    assert digest.count('<td class="long x">') == 2
    assert "<th>Digest</th>" in digest
    many = render_html(_notebook(_output(html=table_of(*["Contribution"] * 20)))).decode()
    assert many.count('<th class="long">Contribution</th>') == 20
    assert "overflow-wrap: break-word" in many
    names = ["recorded_value", "x", "scheduled_departure_of_the_airline"] * 4
    parts = render_html(_notebook(_output(html=table_of(*names)))).decode()
    assert "<th>scheduled_<wbr>departure_<wbr>of_<wbr>the_<wbr>airline</th>" in parts
    assert 'class="long' not in parts
