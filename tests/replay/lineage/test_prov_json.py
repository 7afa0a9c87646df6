"""PROV-JSON, read back by the ``prov`` package, which knows the model better than we do."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prov.model import ProvActivity, ProvAgent, ProvAssociation, ProvDocument, ProvElement, ProvEntity, ProvRelation

import audit_lab as al
from audit_lab.replay.lineage.edges import Edge
from audit_lab.replay.lineage.graph import LineageGraph, node_of

AT = datetime(2024, 3, 1, 12, 30, tzinfo=UTC)


def graph(*edges, origin="tests/loans", attributes=None):
    names = list(dict.fromkeys(end for edge in edges for end in (edge.from_node, edge.to_node)))
    nodes = tuple(node_of(name, (attributes or {}).get(name)) for name in names)
    return LineageGraph(names[0], origin, nodes, edges, (), ())


def parsed(graph):
    return ProvDocument.deserialize(content=graph.to_prov_json(), format="json")


def records(document, kind):
    return list(document.get_records(kind))


def only(document, kind):
    (found,) = records(document, kind)
    return found


def local(name):
    return name.localpart


def test_a_sample_decision_is_read_back_whole(flights):
    log = al.open(flights)
    shown = log.lineage_graph("delay-risk", "2.0.0")
    document = parsed(shown)
    elements, relations = records(document, ProvElement), records(document, ProvRelation)
    assert (len(elements), len(relations)) == (len(shown.nodes), len(shown.edges))
    assert {str(each.identifier) for each in elements if isinstance(each, ProvAgent)} == {
        "person:lena.fischer",
        "person:tomas.reyes",
        "person:amara.diallo",
    }
    written = json.loads(document.serialize(format="json"))
    ours = json.loads(shown.to_prov_json())
    assert {kind: len(part) for kind, part in written.items()} == {kind: len(part) for kind, part in ours.items()}
    assert written["prefix"] == ours["prefix"]


def test_runs_are_activities_with_their_times():
    edge = Edge("model:m@1", "wasGeneratedBy", "run:r", AT)
    document = parsed(graph(edge, attributes={"run:r": {"started_at": AT, "ended_at": AT.replace(hour=13)}}))
    run = only(document, ProvActivity)
    assert (run.get_startTime(), run.get_endTime()) == (AT, AT.replace(hour=13))
    assert str(only(document, ProvEntity).identifier) == "model:m@1"
    (generation,) = records(document, ProvRelation)
    assert generation.formal_attributes[2][1] == AT


def test_a_commit_is_a_plan_and_a_person_an_agent():
    document = parsed(
        graph(
            Edge("run:r", "wasAssociatedWith", "commit:abc"),
            Edge("run:r", "wasAssociatedWith", "person:ann"),
        )
    )
    assert [str(each.identifier) for each in records(document, ProvAgent)] == ["person:ann"]
    by_agent = {
        str(each.formal_attributes[1][1]): str(each.formal_attributes[2][1])
        for each in records(document, ProvAssociation)
    }
    assert by_agent == {"None": "commit:abc", "person:ann": "None"}
    assert "prov:Plan" in {str(kind) for kind in only(document, ProvEntity).get_asserted_types()}


def test_numbers_booleans_and_times_are_typed_literals():
    facts = {"rows": 7, "score": 0.1, "is_final": True, "recorded_at": AT, "uri": "s3://lake/x"}
    ours = json.loads(graph(Edge("dataset:d@1", "used", "dataset:e"), attributes={"dataset:d@1": facts}).to_prov_json())
    element = ours["entity"]["dataset:d@1"]
    assert element["al:rows"] == {"$": "7", "type": "xsd:integer"}
    assert element["al:score"] == {"$": "0.1", "type": "xsd:double"}
    assert element["al:is_final"] == {"$": "true", "type": "xsd:boolean"}
    assert element["al:recorded_at"] == {"$": "2024-03-01T12:30:00+00:00", "type": "xsd:dateTime"}
    assert element["al:uri"] == "s3://lake/x"


@pytest.mark.parametrize(
    ("relation", "ends"),
    [
        ("my own relation", ("run:r", "dataset:d@1")),
        ("used", ("dataset:d@1", "dataset:e@1")),
        ("wasGeneratedBy", ("run:r", "run:s")),
        ("wasAssociatedWith", ("dataset:d@1", "person:ann")),
    ],
)
def test_a_relation_that_does_not_fit_is_an_influence_that_bears_its_name(relation, ends):
    shown = graph(Edge(ends[0], relation, ends[1]))
    ours = json.loads(shown.to_prov_json())
    assert ours["wasInfluencedBy"]["_:edge1"]["al:relation"] == relation
    assert len(records(parsed(shown), ProvRelation)) == 1


@pytest.mark.parametrize(
    ("relation", "ends"),
    [
        ("wasInformedBy", ("run:r", "run:s")),
        ("wasStartedBy", ("run:r", "run:s")),
        ("wasEndedBy", ("run:r", "run:s")),
        ("wasAttributedTo", ("dataset:d@1", "person:ann")),
        ("actedOnBehalfOf", ("person:bob", "person:ann")),
        ("wasInvalidatedBy", ("dataset:d@1", "run:r")),
        ("specializationOf", ("dataset:d@1", "dataset:d")),
        ("alternateOf", ("dataset:d@1", "dataset:e")),
        ("hadMember", ("dataset:d@1", "dataset:e")),
    ],
)
def test_every_relation_of_prov_is_read_back_as_itself(relation, ends):
    shown = graph(Edge(ends[0], relation, ends[1], AT))
    (found,) = records(parsed(shown), ProvRelation)
    assert relation in json.loads(shown.to_prov_json())
    assert {str(value) for _, value in found.formal_attributes if value is not None} >= set(ends)


def test_a_node_of_no_known_kind_is_what_its_relations_make_it():
    document = parsed(graph(Edge("step-7", "used", "dataset:d@1"), Edge("step-7", "wasAssociatedWith", "somebody")))
    assert local(only(document, ProvActivity).identifier) == "step-7"
    assert local(only(document, ProvAgent).identifier) == "somebody"


HOSTILE = [
    'a b"c<d>\\',
    "../../etc/passwd",
    "x:y:z",
    "%41",
    "é\u202e",
    ".",
    "-x-",
    "a.",
    "~",
    "#f?q=1",
    "\x00\x1b",
    "'; DROP",
    "\U0001f600",
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_id_is_a_plain_qualified_name_and_stands_whole_beside_it(name):
    shown = graph(Edge(f"dataset:{name}", "wasDerivedFrom", name))
    text = shown.to_prov_json()
    names = [key for kind in ("entity", "activity", "agent") for key in json.loads(text).get(kind, {})]
    assert len(names) == 2
    for each in names:
        prefix, _, rest = each.partition(":")
        assert prefix in {"dataset", "node"}
        assert set(rest) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./@%")
        assert rest[0] not in "-."
        assert rest[-1] != "."
    assert {element["al:name"] for element in json.loads(text)["entity"].values()} == {f"dataset:{name}", name}
    assert len(records(parsed(shown), ProvElement)) == 2


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=2, max_size=5, unique=True))
def test_different_nodes_have_different_names(names):
    shown = graph(*(Edge(names[0], "wasDerivedFrom", name) for name in names[1:]))
    ours = json.loads(shown.to_prov_json())
    elements = [key for kind in ("entity", "activity", "agent") for key in ours.get(kind, {})]
    assert len(set(elements)) == len(elements) == len(names)


def test_the_same_graph_gives_the_same_text():
    shown = graph(Edge("model:m@1", "wasGeneratedBy", "run:r", AT))
    assert shown.to_prov_json() == shown.to_prov_json()
