"""The picture of a lineage, as it is drawn: read back from the SVG."""

from __future__ import annotations

import json
import random
import re
from itertools import combinations
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from audit_lab import charts
from audit_lab.charts.lineage_plan import KINDS, OTHER
from audit_lab.errors import MisuseError

SVG = "{http://www.w3.org/2000/svg}"
PLACE = re.compile(r"translate\((-?[\d.]+), ?(-?[\d.]+)\)")
ATTACK = "</script><img src=x onerror=alert(1)>'\"+datum.x+${y}"


def frames(names, pairs, relation="used", **columns):
    nodes = pl.DataFrame(
        {
            "node": names,
            "kind": [name.partition(":")[0] for name in names],
            "label": [name.partition(":")[2] for name in names],
            "facts": ["a: 1"] * len(names),
            "described": [True] * len(names),
            "in_cycle": [False] * len(names),
            "is_root": [place == 0 for place in range(len(names))],
            **columns,
        }
    )
    edges = pl.DataFrame(
        {
            "source": [names[start] for start, _ in pairs],
            "target": [names[end] for _, end in pairs],
            "relation": [relation] * len(pairs),
            "stated_by": ["lineage"] * len(pairs),
            "at": pl.Series([None] * len(pairs), dtype=pl.Datetime("us", "UTC")),
            "transformation": pl.Series([None] * len(pairs), dtype=pl.String),
        }
    )
    return nodes, edges


SMALL = frames(["prediction:p-1", "model:m@1", "run:r", "dataset:d@1"], [(0, 1), (1, 2), (2, 3)])


def walked(element, x=0.0, y=0.0):
    """Yield every element with where it stands on the page."""
    found = PLACE.search(element.get("transform", ""))
    if found:
        x, y = x + float(found[1]), y + float(found[2])
    yield element, x, y
    for child in element:
        yield from walked(child, x, y)


def texts(chart):
    """Return every text that is drawn: words, and left, top, right, bottom by a generous width of a character."""
    found = []
    for element, x, y in walked(ET.fromstring(charts.svg(chart))):
        words = "".join(element.itertext())
        if element.tag == f"{SVG}text" and words:
            size = float(element.get("font-size").removesuffix("px"))
            wide = len(words) * size * 0.5
            left = {"start": x, "end": x - wide, "middle": x - wide / 2}[element.get("text-anchor", "start")]
            found.append((words, left, y - size * 0.4, left + wide, y + size * 0.4))
    return found


def spec(chart):
    return chart.to_dict()


def test_every_node_and_relation_is_written_out():
    words = [each[0] for each in texts(charts.lineage_graph(*SMALL))]
    for said in ("Lineage of prediction p-1", "4 nodes and 3 edges", "m@1", "d@1", "model version", "data", "used"):
        assert said in words


@pytest.mark.parametrize("seed", range(4))
def test_no_two_labels_overlap_at_thirty_nodes(seed):
    draw = random.Random(seed)
    kinds = [*KINDS, "strange"]
    names = ["prediction:p-1", *(f"{draw.choice(kinds)}:{'n' * draw.randint(1, 60)}{n}" for n in range(29))]
    pairs = {(draw.randrange(end), end) for end in range(1, 30)} | {
        tuple(sorted(draw.sample(range(30), 2))) for _ in range(12)
    }
    nodes, edges = frames(names, sorted(pairs))
    relations = [draw.choice(["used", "wasAssociatedWith", "wasDerivedFrom"]) for _ in range(edges.height)]
    drawn = texts(charts.lineage_graph(nodes, edges.with_columns(relation=pl.Series(relations))))
    assert sum(words.endswith(("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")) for words, *_ in drawn) >= 29
    seen = {each for each in drawn if each[0]}  # a word over its own white edge is drawn twice at the same place
    for (one, left, top, right, bottom), (other, left2, top2, right2, bottom2) in combinations(sorted(seen), 2):
        apart = right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top
        assert apart, (one, other)


def test_a_label_never_leaves_its_box():
    names = ["prediction:p-1", f"dataset:{'W' * 80}", f"dataset:{'i' * 80}"]
    boxes = spec(charts.lineage_graph(*frames(names, [(0, 1), (0, 2)])))
    texts_with_limit = [layer for layer in boxes["layer"] if layer["mark"].get("limit")]
    assert [layer["mark"]["limit"] for layer in texts_with_limit] == [{"expr": "datum.room"}] * 2


def test_a_long_id_is_shortened_in_the_middle_and_whole_in_the_tooltip():
    commit = "682e160df275b3619c43c64412bd0b76d0f322e3"
    chart = charts.lineage_graph(*frames(["run:r", f"commit:{commit}"], [(0, 1)]))
    assert "682e160df275b\N{HORIZONTAL ELLIPSIS}bd0b76d0f322e3" in [each[0] for each in texts(chart)]
    assert f"commit:{commit}" in json.dumps(spec(chart))


def test_a_cycle_is_drawn_in_red_and_told():
    nodes, edges = frames(["model:m@1", "run:r", "dataset:d@1"], [(0, 1), (1, 2), (2, 1), (2, 2)])
    chart = charts.lineage_graph(nodes.with_columns(in_cycle=pl.Series([False, True, True])), edges)
    words = [each[0] for each in texts(chart)]
    assert any("2 edges in red close cycles: the lineage leads back to itself there" in each for each in words)
    assert "closes a cycle" in words
    assert 'stroke="#9e1b32"' in charts.svg(chart)
    assert 'stroke="#9e1b32"' not in charts.svg(charts.lineage_graph(nodes, edges.head(2)))


def test_a_node_that_nothing_describes_has_a_broken_outline():
    nodes, edges = SMALL
    chart = charts.lineage_graph(nodes.with_columns(described=pl.col("kind") != "run"), edges)
    assert charts.svg(chart).count('stroke-dasharray="5,4"') == 1
    assert "4 nodes and 3 edges; 1 with a broken outline named and not described in the log" in [
        each[0] for each in texts(chart)
    ]


def test_more_nodes_than_a_picture_holds_are_cut_and_told():
    names = ["model:m@1", *(f"dataset:d{number}" for number in range(150))]
    chart = charts.lineage_graph(*frames(names, [(0, end) for end in range(1, 151)]))
    words = [each[0] for each in texts(chart)]
    assert "The nearest 120 of 151 nodes, and 119 of 150 edges" in words
    assert "d118" in words
    assert "d119" not in words


def test_the_chosen_node_and_its_neighbours_stand_out():
    faded = lambda chart: charts.svg(chart).count('opacity="0.12"')
    assert faded(charts.lineage_graph(*SMALL)) == 0
    assert faded(charts.lineage_graph(*SMALL, focus="dataset:d@1")) > 0
    assert charts.svg(charts.lineage_graph(*SMALL, focus="nobody")) == charts.svg(charts.lineage_graph(*SMALL))


def test_pointing_at_a_node_has_the_effect_of_choosing_it():
    pointed = spec(charts.lineage_graph(*SMALL))
    for parameter in pointed["params"]:
        if parameter["name"] == "over":
            parameter["value"] = [{"number": 3}]
    import vl_convert

    drawn = vl_convert.vegalite_to_svg(pointed, vl_version="6.4", allowed_base_urls=[])
    chosen = charts.svg(charts.lineage_graph(*SMALL, focus="dataset:d@1"))
    assert drawn.count('opacity="0.12"') == chosen.count('opacity="0.12"')


def test_kinds_have_names_and_shapes_of_their_own():
    every = [*KINDS.values(), OTHER]
    assert len({name for name, _, _ in every}) == len(every)
    looks = {(shape, colour) for _, colour, shape in every}
    assert len(looks) == len(every)
    shared = [shape for _, _, shape in every if [each[2] for each in every].count(shape) > 1]
    assert set(shared) <= {"diamond"}  # a model, logged or registered


def expressions(part):
    """Yield every text of a specification that Vega reads as code."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name in {"expr", "test", "filter", "calculate", "signal"} and isinstance(value, str):
                yield value
            elif name != "values":
                yield from expressions(value)
    elif isinstance(part, list):
        for value in part:
            yield from expressions(value)


def test_no_text_of_the_log_is_in_an_expression():
    names = [f"{kind}:{ATTACK}{place}" for place, kind in enumerate(("prediction", "model", ATTACK))]
    nodes, edges = frames(names, [(0, 1), (1, 2), (2, 1)], relation=ATTACK)
    hostile = charts.lineage_graph(nodes.with_columns(facts=pl.lit(ATTACK)), edges, subtitle=ATTACK)
    plain = charts.lineage_graph(*frames(["prediction:a", "model:b", "strange:c"], [(0, 1), (1, 2), (2, 1)]))
    assert set(expressions(spec(hostile))) == set(expressions(spec(plain)))
    assert "<img" not in charts.svg(hostile)


def test_the_picture_is_twice_the_same():
    assert charts.svg(charts.lineage_graph(*SMALL)) == charts.svg(charts.lineage_graph(*SMALL))


def test_frames_without_what_is_drawn_are_misuse():
    with pytest.raises(MisuseError, match="lacks label"):
        charts.lineage_graph(SMALL[0].drop("label"), SMALL[1])
    with pytest.raises(MisuseError, match="no rows"):
        charts.lineage_graph(SMALL[0].clear(), SMALL[1].clear())


def test_a_node_alone_is_drawn():
    drawn = charts.svg(charts.lineage_graph(SMALL[0].head(1), SMALL[1].clear()))
    assert "1 node and 0 edges" in drawn
    assert ">p-1<" in drawn


def test_a_tangle_of_edges_is_drawn_within_bounds_and_told():
    names = ["model:m@1", *(f"dataset:d{number}" for number in range(59))]
    tangle = [*((0, end) for end in range(1, 60)), *((end, end + 1) for end in range(1, 59)), *((0, 59),) * 300]
    chart = charts.lineage_graph(*frames(names, tangle))
    told = re.search(r"The nearest 60 of 60 nodes, and (\d+) of 417 edges", charts.svg(chart))
    assert 59 < int(told[1]) < 110  # the whole chain, and the shortest of the others
