"""The view of a lineage: picture, gaps and facts, live and static."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime

import pytest

import audit_lab as al
from audit_lab.replay.lineage.edges import Edge
from audit_lab.replay.lineage.graph import LineageGap, LineageGraph, node_of
from audit_lab.widgets import LineageView

HOSTILE = "<img src=x onerror=alert(1)>"
ESCAPED = "&lt;img src=x onerror=alert(1)&gt;"
AT = datetime(2024, 3, 1, 12, 30, tzinfo=UTC)


def graph(run="r-1", gaps=()):
    nodes = (
        node_of("model:loans@1", {"artifact_sha256": "ab" * 32}),
        node_of(f"run:{run}", {"kind": "training"}),
        node_of("dataset:d@1", is_described=False),
        node_of("commit:c0ffee"),
    )
    edges = (
        Edge("model:loans@1", "wasGeneratedBy", f"run:{run}", AT),
        Edge(f"run:{run}", "used", "dataset:d@1"),
        Edge(f"run:{run}", "wasAssociatedWith", "commit:c0ffee", source="runs"),
    )
    return LineageGraph("model:loans@1", "tests/loans", nodes, edges, (), gaps)


@pytest.fixture
def view():
    return LineageView(graph(gaps=(LineageGap("dangling", "1 node is named.", "Only the name is known."),)))


def pictures(shown):
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', shown)
    return [base64.b64decode(encoded).decode() for encoded in found]


def test_the_static_view_has_picture_gaps_and_edges(view):
    shown = view.static_html()
    (picture,) = pictures(shown)
    assert "Lineage of model loans@1" in picture
    assert "dangling: 1 node is named. Only the name is known." in shown
    for said in ("wasAssociatedWith", "commit:c0ffee", "2024-03-01 12:30:00 UTC", "runs"):
        assert said in shown


def test_nothing_amiss_is_said():
    assert "Nothing was found amiss." in LineageView(graph()).static_html()


def test_choosing_a_node_shows_its_facts_and_fades_the_others(view):
    before = pictures(view.static_html())
    view.node.value = "run:r-1"
    assert "training" in view.static_html()
    view.node.value = "dataset:d@1"
    shown = view.static_html()
    assert "The log names this node and does not describe it." in shown
    assert pictures(shown) != before
    view.node.value = "commit:c0ffee"
    assert "its name is all there is" in view.static_html()


def test_the_live_view_shows_what_the_static_one_does(view):
    view.node.value = "run:r-1"
    assert pictures(view.children[1].value) == pictures(view.static_html())
    bundle = view._repr_mimebundle_()
    assert bundle["text/html"] == view.static_html()
    assert bundle["text/plain"].splitlines()[1] == "dangling: 1 node is named. Only the name is known."


def test_the_texts_of_the_log_are_escaped():
    view = LineageView(graph(run=HOSTILE, gaps=(LineageGap(HOSTILE, HOSTILE, HOSTILE),)))
    view.node.value = f"run:{HOSTILE}"
    shown = view.static_html()
    assert HOSTILE not in shown
    assert shown.count(ESCAPED) >= 6
    assert all("<img" not in picture for picture in pictures(shown))


def test_no_view_names_an_address(view):
    shown = view.static_html()
    assert "http" not in shown
    assert set(re.findall(r"https?://[\w./]+", pictures(shown)[0])) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_the_code_of_a_view_makes_it_again(make_log):
    log = al.open(make_log())
    for made in (log.decision("p-001").lineage_graph(), log.lineage_graph("loans", "1")):
        names = {"log": log}
        exec(LineageView(made).code(), names)
        assert names["lineage"].to_dict() == made.to_dict()


def test_al_view_picks_it():
    assert isinstance(al.view(graph()), LineageView)
