"""What is amiss with a lineage: each gap has a code, what was found, and what follows from it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from audit_lab.log.files.printable import printable
from audit_lab.replay.lineage.described import DESCRIBED_BY
from audit_lab.replay.lineage.graph import LineageGap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from audit_lab.replay.lineage.cycles import Knot
    from audit_lab.replay.lineage.edges import Edge

    Rows = Mapping[str, Sequence[Mapping[str, Any]]]

__all__ = ["cycle_gap", "gaps_of"]

_SHOWN = 80
_MOST_NAMED = 8
_GENERATED, _ASSOCIATED, _USED = "wasGeneratedBy", "wasAssociatedWith", "used"
#: Kinds of nodes that are data: where one of them is reached, the way leads back to data.
_DATA = ("dataset", "source")


def gaps_of(
    root: str,
    edges: Sequence[Edge],
    rows: Rows,
    knots: Sequence[Knot],
    *,
    is_cut: bool,
    incomplete: int,
) -> tuple[LineageGap, ...]:
    """Return what is amiss, gravest first.

    Parameters
    ----------
    root
        The node that the lineage is of.
    edges
        All edges of the graph.
    rows
        Node to the rows that describe it, in order of time; none for a node that nothing describes.
    knots
        The cycles, as `audit_lab.replay.lineage.cycles.cycles_of` gives them.
    is_cut
        Whether there were more edges than one answer may hold.
    incomplete
        How many rows of the log's lineage lack one of their ends.
    """
    names = list(dict.fromkeys([root, *(end for edge in edges for end in (edge.from_node, edge.to_node))]))
    versions = [name for name in names if _kind(name) == "model"]
    return (
        *_cut(root, len(edges), is_cut=is_cut),
        *(cycle_gap(*knot) for knot in knots),
        *_disagreements(edges, rows),
        *_described_twice(rows),
        *_missing(root, versions, edges),
        *_no_data(versions, edges, is_cut=is_cut),
        *_runs(names, edges),
        *_inputs(names, edges),
        *_serving(root, edges),
        *_dangling(names, rows),
        *_digests(names, rows),
        *_incomplete(incomplete),
    )


def _cut(root: str, shown: int, *, is_cut: bool) -> Iterable[LineageGap]:
    if is_cut:
        what = f"More than {shown:,} edges lead back from {_shown(root)}; the nearest are shown."
        yield LineageGap("lineage-cut", what, "What is further back is not in this answer, and was not looked at.")


def cycle_gap(nodes: tuple[str, ...], knotted: int) -> LineageGap:
    """Return the gap that names a cycle: its nodes in order, and how many nodes are knotted together with it."""
    way = " -> ".join(_shown(name) for name in (*nodes[:_MOST_NAMED], *(["..."] if len(nodes) > _MOST_NAMED else [])))
    more = f" {knotted} nodes lead back to themselves with it." if knotted > len(nodes) else ""
    what = f"The lineage leads back to itself: {way} -> {_shown(nodes[0])}.{more}"
    effect = "Nothing can have come from itself: at least one of these edges is wrong, and which cannot be told."
    return LineageGap("lineage-cycle", what, effect, nodes)


def _disagreements(edges: Sequence[Edge], rows: Rows) -> Iterable[LineageGap]:
    """Compare the run of a version, and the commit of a run, in the lineage with those in the table of the node."""
    for kind, relation, column, prefix in (
        ("model", _GENERATED, "run_id", "run:"),
        ("run", _ASSOCIATED, "code_commit", "commit:"),
    ):
        said: dict[str, set[str]] = defaultdict(set)
        for edge in edges:
            fits = edge.source == "lineage" and edge.relation == relation and edge.to_node.startswith(prefix)
            if fits and _kind(edge.from_node) == kind:
                said[edge.from_node].add(edge.to_node)
        for name, ends in said.items():
            stated = {f"{prefix}{row[column]}" for row in rows.get(name, ())[-1:] if row.get(column)}
            if len(ends | stated) > 1:
                table = f"; the table {DESCRIBED_BY[kind]} names {_listed(stated)}" if stated - ends else ""
                what = f"The lineage says that {_shown(name)} {relation} {_listed(ends)}{table}."
                effect = "Which of them is true cannot be told from the log."
                yield LineageGap("lineage-disagrees", what, effect, (name, *sorted(ends | stated)))


def _described_twice(rows: Rows) -> Iterable[LineageGap]:
    for name, found in sorted(rows.items()):
        digests = {row.get("sha256") or row.get("artifact_sha256") for row in found} - {None}
        if len(digests) > 1:
            what = f"{_shown(name)} is described {len(found)} times, with {len(digests)} different digests."
            effect = "Which content bears this name cannot be told; none of the rows says that it corrects another."
            yield LineageGap("described-twice", what, effect, (name,))


def _missing(root: str, versions: Sequence[str], edges: Sequence[Edge]) -> Iterable[LineageGap]:
    if _kind(root) == "prediction" and not versions:
        what = f"{_shown(root)} states no model version."
        yield LineageGap("version-not-stated", what, "Its lineage ends there: what decided cannot be followed back.")
    leaving = {edge.from_node for edge in edges if edge.source in {"lineage", "model_versions"}}
    for name in versions:
        if name not in leaving:
            what = f"The log has no lineage of {_shown(name)}."
            yield LineageGap("lineage-missing", what, "What it was trained on is not on record.", (name,))


def _no_data(versions: Sequence[str], edges: Sequence[Edge], *, is_cut: bool) -> Iterable[LineageGap]:
    leaving: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        leaving[edge.from_node].append(edge.to_node)
    for name in versions:
        if not leaving.get(name) or is_cut:
            continue
        seen, waiting = {name}, [name]
        while waiting:
            ends = [end for end in leaving.get(waiting.pop(), ()) if end not in seen]
            seen.update(ends)
            waiting += ends
        if not any(_kind(each) in _DATA for each in seen):
            what = f"No data set can be reached from {_shown(name)}."
            yield LineageGap("no-data", what, "What it was trained on cannot be named.", (name,))


def _runs(names: Sequence[str], edges: Sequence[Edge]) -> Iterable[LineageGap]:
    coded = {edge.from_node for edge in edges if edge.relation == _ASSOCIATED and edge.to_node.startswith("commit:")}
    lacking = [name for name in names if _kind(name) == "run" and name not in coded]
    if lacking:
        what = f"{_counted(lacking, 'run is', 'runs are')} recorded without a commit: {_listed(lacking)}."
        effect = "The code that ran cannot be looked at, or run again."
        yield LineageGap("run-without-commit", what, effect, tuple(lacking))
    reading = {edge.from_node for edge in edges if edge.relation == _USED}
    idle = [name for name in names if _kind(name) == "run" and name not in reading]
    if idle:
        what = f"{_counted(idle, 'run is', 'runs are')} recorded without anything that it used: {_listed(idle)}."
        yield LineageGap("run-without-data", what, "What went into it is not on record.", tuple(idle))


def _inputs(names: Sequence[str], edges: Sequence[Edge]) -> Iterable[LineageGap]:
    leaving = {edge.from_node for edge in edges}
    for name in names:
        if _kind(name) == "prediction-inputs" and name not in leaving:
            what = f"Nothing says where {_shown(name)} come from."
            effect = "A wrong input cannot be followed back to the feature source that gave it."
            yield LineageGap("inputs-without-source", what, effect, (name,))


def _serving(root: str, edges: Sequence[Edge]) -> Iterable[LineageGap]:
    if _kind(root) != "prediction" or not any(_kind(edge.to_node) == "model" for edge in edges):
        return
    if not any(edge.source == "deployments" for edge in edges):
        what = f"No deployment of its version was in force when {_shown(root)} was made."
        yield LineageGap("not-deployed", what, "How that version came to decide is not on record.", (root,))
    if not any(edge.source == "approvals" for edge in edges):
        what = f"No approval of the version of {_shown(root)} is recorded."
        yield LineageGap("not-approved", what, "Who let it decide is not on record.", (root,))


def _dangling(names: Sequence[str], rows: Rows) -> Iterable[LineageGap]:
    for kind, table in DESCRIBED_BY.items():
        lacking = [name for name in names if _kind(name) == kind and not rows.get(name)]
        if lacking:
            what = (
                f"{_counted(lacking, 'node is', 'nodes are')} named and not described in {table}: {_listed(lacking)}."
            )
            effect = "Only the name is known; what it stands for cannot be checked."
            yield LineageGap("dangling", what, effect, tuple(lacking))


def _digests(names: Sequence[str], rows: Rows) -> Iterable[LineageGap]:
    lacking = [
        name
        for name in names
        if _kind(name) == "dataset" and rows.get(name) and not {"sha256", "digest"} & rows[name][-1].keys()
    ]
    if lacking:
        what = f"{_counted(lacking, 'data set has', 'data sets have')} no digest: {_listed(lacking)}."
        effect = "Whether the data at hand are the data that were used cannot be checked."
        yield LineageGap("data-without-digest", what, effect, tuple(lacking))


def _incomplete(rows: int) -> Iterable[LineageGap]:
    if rows:
        what = f"{rows:,} of the log's lineage rows lack a node or the relation."
        yield LineageGap("edge-incomplete", what, "They are in no graph, and might belong into this one.")


def _kind(name: str) -> str:
    return name.partition(":")[0]


def _shown(name: str) -> str:
    return printable(name, _SHOWN)


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names) if isinstance(names, set) else list(names)
    more = f" and {len(ordered) - _MOST_NAMED:,} more" if len(ordered) > _MOST_NAMED else ""
    return ", ".join(_shown(name) for name in ordered[:_MOST_NAMED]) + more


def _counted(names: Sequence[str], one: str, many: str) -> str:
    return f"1 {one}" if len(names) == 1 else f"{len(names):,} {many}"
