"""The lineage graph of a decision and of a version: what is in it, and what is said to be amiss."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import NotFoundError
from audit_lab.replay.lineage import edges as edges_module
from audit_lab.replay.lineage import graph_of_prediction, walk_lineage

AT = datetime(2024, 3, 1, tzinfo=UTC)
PREDICTION, MODEL, RUN, DATA = "prediction:p-001", "model:loans@1", "run:r1", "dataset:d@1"


def rows(*edges, **more):
    columns = {
        "edge_id": [f"e{place:05d}" for place in range(len(edges))],
        "from_node": [edge[0] for edge in edges],
        "relation": [edge[1] for edge in edges],
        "to_node": [edge[2] for edge in edges],
        "at": [AT] * len(edges),
        "recorded_at": [AT] * len(edges),
    }
    return pl.DataFrame({**columns, **more})


SOUND = (
    (MODEL, "wasGeneratedBy", RUN),
    (RUN, "used", DATA),
    (RUN, "wasAssociatedWith", "commit:abc"),
    ("prediction-inputs:loans", "wasDerivedFrom", "feature-source:form"),
)
RUNS = pl.DataFrame({"run_id": ["r1"], "started_at": [AT], "recorded_at": [AT], "code_commit": ["abc"]})
DATASETS = pl.DataFrame({"dataset_id": ["d"], "version": ["1"], "recorded_at": [AT], "sha256": ["0" * 64]})
APPROVALS = pl.DataFrame(
    {"model_name": ["loans"], "model_version": ["1"], "recorded_at": [AT], "act": ["approved"], "approver": ["ann"]}
)
COMPLETE = {"lineage": rows(*SOUND), "runs": RUNS, "datasets": DATASETS, "approvals": APPROVALS}


@pytest.fixture
def graph(make_log):
    """Return a function that gives the graph of one decision of a log with a sound lineage, or a changed one."""

    def make(**changed):
        store = al.open(make_log(**{**COMPLETE, **changed}))._store
        row = store.table("predictions").filter(pl.col("prediction_id") == "p-001").collect().row(0, named=True)
        return graph_of_prediction(store, row)

    return make


def triples(graph):
    return {(edge.from_node, edge.relation, edge.to_node) for edge in graph.edges}


def codes(graph):
    return [gap.code for gap in graph.gaps]


def gap(graph, code):
    (found,) = (each for each in graph.gaps if each.code == code)
    return found


def test_a_sound_lineage_leads_back_to_everything_and_nothing_is_amiss(graph):
    shown = graph()
    slot = "deployment:primary@2024-03-04T08:00:00Z"
    act = "approval:loans@1/approved@2024-03-01T00:00:00Z"
    assert triples(shown) == {
        *SOUND,
        (PREDICTION, "wasDerivedFrom", MODEL),
        (PREDICTION, "wasDerivedFrom", "prediction-inputs:loans"),
        (PREDICTION, "wasGeneratedBy", slot),
        (slot, "used", MODEL),
        (MODEL, "wasInfluencedBy", act),
        (act, "wasAssociatedWith", "person:ann"),
    }
    assert codes(shown) == []
    assert shown.names[0] == PREDICTION
    assert {node.kind for node in shown.nodes} == {
        *("prediction", "prediction-inputs", "feature-source", "model", "run", "dataset", "commit"),
        *("deployment", "approval", "person"),
    }


def test_nodes_bear_what_the_tables_say_of_them(graph):
    shown = graph()
    assert shown.node(RUN).attributes == {
        "started_at": "2024-03-01T00:00:00+00:00",
        "code_commit": "abc",
        "recorded_at": "2024-03-01T00:00:00+00:00",
    }
    assert shown.node(DATA).attributes["sha256"] == "0" * 64
    assert shown.node(MODEL).attributes["artifact_format"] == "xgboost-ubj"
    assert shown.node(PREDICTION).attributes["decision"] in {"approve", "deny"}
    assert shown.node("approval:loans@1/approved@2024-03-01T00:00:00Z").label == "approved 2024-03-01"
    with pytest.raises(KeyError, match="nobody"):
        shown.node("nobody")


def test_each_edge_says_which_table_states_it(graph):
    by_table = {}
    for edge in graph().edges:
        by_table.setdefault(edge.source, []).append(edge.relation)
    assert {name: len(edges) for name, edges in by_table.items()} == {
        "lineage": 4,
        "predictions": 2,
        "deployments": 2,
        "approvals": 2,
    }


def test_what_only_other_tables_state_is_in_the_graph(graph, small_model):
    runs = RUNS.with_columns(datasets_in=pl.lit('["d@1"]'), datasets_out=pl.lit('["scored@7"]'))
    versions = lambda frame: frame.with_columns(run_id=pl.lit("r1"))
    shown = graph(lineage=rows(("dataset:scored@7", "wasDerivedFrom", DATA)), runs=runs, model_versions=versions)
    assert {
        (MODEL, "wasGeneratedBy", RUN, "model_versions"),
        (RUN, "used", DATA, "runs"),
        (RUN, "wasAssociatedWith", "commit:abc", "runs"),
    } <= {(edge.from_node, edge.relation, edge.to_node, edge.source) for edge in shown.edges}
    assert "lineage-missing" not in codes(shown)


@pytest.mark.parametrize("text", ["[", "{}", "3", '[1, null, ""]', "[" * 10_000], ids=lambda text: text[:12])
def test_lists_of_data_sets_that_are_none_bring_no_edge(graph, text):
    shown = graph(runs=RUNS.with_columns(datasets_in=pl.lit(text)))
    assert [edge for edge in shown.edges if edge.source == "runs"] == []


def test_a_version_has_a_graph_of_its_own(make_log):
    shown = al.open(make_log(**COMPLETE)).lineage_graph("loans", "1")
    assert shown.root == MODEL
    assert "commit:abc" in shown.names
    assert not any(node.kind in {"prediction", "deployment"} for node in shown.nodes)


def test_a_version_that_nothing_knows_is_not_found(make_log):
    with pytest.raises(NotFoundError, match=r"knows loans 2\. Registered are: loans 1\."):
        al.open(make_log(**COMPLETE)).lineage_graph("loans", "2")


def test_a_version_that_only_the_lineage_knows_is_shown(make_log):
    log = al.open(make_log(**{**COMPLETE, "lineage": rows(*SOUND, ("model:loans@0", "wasGeneratedBy", "run:r0"))}))
    shown = log.lineage_graph("loans", "0")
    assert "run:r0" in shown.names
    assert [each.nodes for each in shown.gaps if each.code == "dangling"] == [("run:r0",), ("model:loans@0",)]


def test_a_cycle_is_named_node_by_node(graph):
    shown = graph(lineage=rows(*SOUND, (DATA, "wasDerivedFrom", "dataset:e@1"), ("dataset:e@1", "wasGeneratedBy", RUN)))
    assert shown.cycles == ((DATA, "dataset:e@1", RUN),)
    found = gap(shown, "lineage-cycle")
    assert found.what == f"The lineage leads back to itself: {DATA} -> dataset:e@1 -> {RUN} -> {DATA}."
    assert found.nodes == (DATA, "dataset:e@1", RUN)
    assert "at least one of these edges is wrong" in found.effect


def test_a_node_that_came_from_itself_is_a_cycle(graph):
    assert graph(lineage=rows(*SOUND, (DATA, "wasDerivedFrom", DATA))).cycles == ((DATA,),)


def test_of_several_cycles_each_is_named(graph):
    shown = graph(
        lineage=rows(
            *SOUND,
            (DATA, "wasDerivedFrom", RUN),
            ("feature-source:form", "wasDerivedFrom", "prediction-inputs:loans"),
        )
    )
    assert shown.cycles == ((DATA, RUN), ("feature-source:form", "prediction-inputs:loans"))


def test_nodes_that_nothing_describes_are_named(graph):
    shown = graph(runs=None, datasets=None)
    assert [each.nodes for each in shown.gaps if each.code == "dangling"] == [(RUN,), (DATA,)]
    assert [node.name for node in shown.nodes if not node.is_described] == [RUN, DATA]


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"lineage": rows(*SOUND[:2], SOUND[3]), "runs": RUNS.drop("code_commit")}, "run-without-commit", "run:r1"),
        ({"lineage": rows(SOUND[0], *SOUND[2:])}, "no-data", MODEL),
        ({"lineage": rows(SOUND[0], *SOUND[2:])}, "run-without-data", RUN),
        ({"lineage": rows(*SOUND[:3])}, "inputs-without-source", "prediction-inputs:loans"),
        ({"lineage": None}, "lineage-missing", MODEL),
        ({"deployments": None}, "not-deployed", PREDICTION),
        ({"approvals": None}, "not-approved", PREDICTION),
        ({"datasets": DATASETS.drop("sha256")}, "data-without-digest", DATA),
        ({"runs": RUNS.with_columns(code_commit=pl.lit("def"))}, "lineage-disagrees", "commit:def"),
        ({"model_versions": lambda frame: frame.with_columns(run_id=pl.lit("r9"))}, "lineage-disagrees", "run:r9"),
        ({"predictions": lambda frame: frame.with_columns(model_version=None)}, "version-not-stated", PREDICTION),
        ({"lineage": rows(*SOUND, (MODEL, "used", None))}, "edge-incomplete", "1 of"),
    ],
)
def test_what_is_amiss_is_named_with_its_effect(graph, changed, code, said):
    found = gap(graph(**changed), code)
    assert said in found.what
    assert found.effect


def test_a_data_set_described_twice_with_two_digests_is_named_and_one_corrected_is_not(graph):
    other = DATASETS.with_columns(sha256=pl.lit("1" * 64), recorded_at=pl.lit(AT.replace(day=2)))
    assert gap(graph(datasets=pl.concat([DATASETS, other])), "described-twice").nodes == (DATA,)
    corrected = pl.concat([DATASETS, other.with_columns(supersedes=pl.lit("d@1"))], how="diagonal")
    shown = graph(datasets=corrected)
    assert "described-twice" not in codes(shown)
    assert shown.node(DATA).attributes["sha256"] == "1" * 64


def test_edges_that_a_later_row_corrects_are_left_out_and_counted(graph):
    wrong = (MODEL, "wasGeneratedBy", "run:wrong")
    shown = graph(lineage=rows(*SOUND, wrong, (MODEL, "used", "dataset:d@1"), supersedes=[None] * 5 + ["e00004"]))
    assert wrong not in triples(shown)
    assert shown.superseded == 1
    assert shown.summary()[1] == "Left out of the log's lineage: 1 row that later rows correct."


def test_more_edges_than_one_answer_holds_are_cut_and_said_so(graph, make_log, monkeypatch):
    monkeypatch.setattr(edges_module, "MAXIMUM_EDGES", 5)
    many = rows(*SOUND[:1], *((RUN, "used", f"dataset:{number}") for number in range(50)))
    shown = graph(lineage=many)
    assert (len(shown.edges), shown.is_cut) == (5, True)
    assert gap(shown, "lineage-cut").what == f"More than 5 edges lead back from {PREDICTION}; the nearest are shown."
    assert "no-data" not in codes(shown)
    walked = walk_lineage(al.open(make_log("other", lineage=many))._store, "loans", "1")
    assert (len(walked.edges), walked.is_cut) == (5, True)


def test_a_row_that_stands_twice_is_one_edge(graph):
    twice = pl.concat([rows(*SOUND), rows(*SOUND)])
    assert len(graph(lineage=twice).edges) == len(graph().edges)


def test_a_slot_that_serves_another_version_or_nothing_is_no_part_of_it(graph):
    slots = pl.DataFrame(
        {
            "deployment_id": ["a", "b", "c", "d"],
            "from_time": [AT, AT, AT, AT.replace(year=2030)],
            "recorded_at": [AT] * 4,
            "model_name": ["loans"] * 4,
            "model_version": ["2", "1", "1", "1"],
            "environment": ["production", "production", "shadow", "production"],
            "traffic_share": [1.0, 0.0, 1.0, 1.0],
        }
    )
    assert "not-deployed" in codes(graph(deployments=slots))


def test_frames_and_document_say_the_same(graph):
    shown = graph(lineage=rows(*SOUND, (DATA, "wasDerivedFrom", RUN)))
    nodes, edges = shown.to_frames()
    assert nodes["node"].to_list() == list(shown.names)
    assert nodes.filter("is_root")["node"].to_list() == [PREDICTION]
    assert set(nodes.filter("in_cycle")["node"]) == {DATA, RUN}
    document = json.loads(json.dumps(shown.to_dict(), allow_nan=False))
    assert [node["node"] for node in document["nodes"]] == list(shown.names)
    assert [edge["relation"] for edge in document["edges"]] == edges["relation"].to_list()
    assert document["cycles"] == [[DATA, RUN]]


@pytest.mark.parametrize("name", ["", ":", "run:", "nokind", "strange:x", "run", "a:b:c", "é\u202e\x00", "x" * 100_000])
def test_nodes_of_any_name_are_only_names(graph, name):
    shown = graph(lineage=rows(*SOUND, (RUN, "used", name)))
    assert (name in shown.names) is bool(name)
    if name:
        assert shown.node(name).kind in {"other", "run"}
        assert all(character.isprintable() for line in shown.summary() for character in line)


def test_the_same_question_gives_the_same_graph(graph):
    assert graph().to_dict() == graph().to_dict()


def test_the_journal_tells_of_both_questions(make_log, tmp_path):
    journal = tmp_path / "journal.jsonl"
    log = al.open(make_log(**COMPLETE), actor="Jane Doe", purpose="complaint", journal=journal)
    log.lineage_graph("loans", "1")
    assert "lineage loans 1" in journal.read_text()


def test_a_run_that_was_corrected_states_its_commit_once(graph):
    corrected = RUNS.with_columns(
        code_commit=pl.lit("def"), recorded_at=pl.lit(AT.replace(day=2)), supersedes=pl.lit("r1")
    )
    shown = graph(lineage=rows(*SOUND[:2], SOUND[3]), runs=pl.concat([RUNS, corrected], how="diagonal"))
    assert [edge.to_node for edge in shown.edges if edge.relation == "wasAssociatedWith" and edge.from_node == RUN] == [
        "commit:def"
    ]


def test_an_edge_corrected_under_its_own_id_or_by_its_place_is_the_later_one(graph):
    for supersedes in ("e00001", "e00001@part-00000:1"):
        later = rows((RUN, "used", "dataset:other@1")).with_columns(
            edge_id=pl.lit("e00001"), recorded_at=pl.lit(AT.replace(day=2)), supersedes=pl.lit(supersedes)
        )
        shown = graph(lineage=pl.concat([rows(*SOUND), later], how="diagonal"))
        assert [edge.to_node for edge in shown.edges if edge.relation == "used" and edge.from_node == RUN] == [
            "dataset:other@1"
        ]
        assert shown.superseded == 1
