"""A lineage graph as W3C PROV-JSON.

Source: Huynh et al., *The PROV-JSON Serialization*, W3C Member Submission of 24 April 2013, on the model of PROV-DM
(W3C Recommendation of 30 April 2013). Qualified names keep to the plainest part of PROV-N's ``PN_LOCAL`` (section
3.7.1): letters, digits, ``_ - . / @``, and every other byte of UTF-8 as ``%XX``.

Each node is one element and each edge one relation. A commit is a plan (an entity), as PROV-DM has it for what an
activity followed. An edge whose relation is none of PROV's, or does not fit the kinds of its ends, becomes a
``wasInfluencedBy``, and bears its own relation as an attribute.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.replay.lineage.edges import Edge
    from audit_lab.replay.lineage.graph import LineageGraph, Node

__all__ = ["prov_json"]

_OWN = "al"
_OTHER = "node"
_UNESCAPED = "/@"
_ACTIVITY, _AGENT, _ENTITY = "activity", "agent", "entity"
_ROLES = {
    "run": _ACTIVITY,
    "job": _ACTIVITY,
    "deployment": _ACTIVITY,
    "approval": _ACTIVITY,
    "person": _AGENT,
}
_TYPES = {"person": "prov:Person", "commit": "prov:Plan"}


class _Relation(NamedTuple):
    """What a relation of PROV-DM connects: role and attribute of its subject, and of its object, and of its time."""

    subject: tuple[str, str]
    object: tuple[str, str]
    time: str | None = None


_RELATIONS = {
    "wasGeneratedBy": _Relation((_ENTITY, "prov:entity"), (_ACTIVITY, "prov:activity"), "prov:time"),
    "used": _Relation((_ACTIVITY, "prov:activity"), (_ENTITY, "prov:entity"), "prov:time"),
    "wasInformedBy": _Relation((_ACTIVITY, "prov:informed"), (_ACTIVITY, "prov:informant")),
    "wasStartedBy": _Relation((_ACTIVITY, "prov:activity"), (_ACTIVITY, "prov:starter"), "prov:time"),
    "wasEndedBy": _Relation((_ACTIVITY, "prov:activity"), (_ACTIVITY, "prov:ender"), "prov:time"),
    "wasInvalidatedBy": _Relation((_ENTITY, "prov:entity"), (_ACTIVITY, "prov:activity"), "prov:time"),
    "wasDerivedFrom": _Relation((_ENTITY, "prov:generatedEntity"), (_ENTITY, "prov:usedEntity")),
    "wasAttributedTo": _Relation((_ENTITY, "prov:entity"), (_AGENT, "prov:agent")),
    "wasAssociatedWith": _Relation((_ACTIVITY, "prov:activity"), (_AGENT, "prov:agent")),
    "actedOnBehalfOf": _Relation((_AGENT, "prov:delegate"), (_AGENT, "prov:responsible")),
    "specializationOf": _Relation((_ENTITY, "prov:specificEntity"), (_ENTITY, "prov:generalEntity")),
    "alternateOf": _Relation((_ENTITY, "prov:alternate1"), (_ENTITY, "prov:alternate2")),
    "hadMember": _Relation((_ENTITY, "prov:collection"), (_ENTITY, "prov:entity")),
}
#: Relations that PROV gives no identifier of their own and no further attributes.
_BARE = ("specializationOf", "alternateOf", "hadMember")
_PLAN = _Relation((_ACTIVITY, "prov:activity"), (_ENTITY, "prov:plan"))
_ANY_INFLUENCE = "wasInfluencedBy"
_STARTS, _ENDS = ("started_at", "from_time"), ("ended_at",)


def prov_json(graph: LineageGraph) -> str:
    """Return the graph as a PROV-JSON document; the same graph gives the same text."""
    roles = _roles(graph)
    prefixes: dict[str, str] = {}
    document: dict[str, dict[str, Any]] = defaultdict(dict)
    space = f"urn:audit-lab:{_escaped(graph.origin, '')}:"
    for node in graph.nodes:
        prefix, name = _qualified(node)
        prefixes[prefix] = f"{space}{prefix}:"
        document[roles[node.name]][name] = _element(node, roles[node.name])
    names = {node.name: _qualified(node)[1] for node in graph.nodes}
    for number, edge in enumerate(graph.edges, start=1):
        kind, content = _stated(edge, roles, names)
        document[kind][f"_:edge{number}"] = content
    prefixes[_OWN] = "urn:audit-lab:vocabulary:"
    parts = {"prefix": dict(sorted(prefixes.items())), **{kind: document[kind] for kind in sorted(document)}}
    return json.dumps(parts, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _qualified(node: Node) -> tuple[str, str]:
    """Return a node's prefix, and its qualified name: kind as prefix, the rest of its name as local part."""
    if node.kind == "other":
        return _OTHER, f"{_OTHER}:{_escaped(node.name)}"
    return node.kind, f"{node.kind}:{_escaped(node.name.removeprefix(f'{node.kind}:'))}"


def _escaped(text: str, safe: str = _UNESCAPED) -> str:
    """Return text in which every byte but letters, digits and few signs is percent-encoded."""
    escaped = quote(text, safe=safe, errors="surrogatepass").replace("~", "%7E")
    first, rest = escaped[:1], escaped[1:]
    if first in {"-", "."}:  # neither begins a local name, and a point does not end one
        first = f"%{ord(first):02X}"
    return first + (f"{rest[:-1]}%2E" if rest.endswith(".") else rest)


def _element(node: Node, role: str) -> dict[str, Any]:
    facts = dict(node.attributes)
    content: dict[str, Any] = {"prov:label": node.label}
    kind = _TYPES.get(node.kind)
    content["prov:type"] = _typed(kind or f"{_OWN}:{_escaped(node.kind, '')}", "prov:QUALIFIED_NAME")
    if role == _ACTIVITY:
        for names, attribute in ((_STARTS, "prov:startTime"), (_ENDS, "prov:endTime")):
            found = next((facts.pop(name) for name in names if name in facts), None)
            if found is not None:
                content[attribute] = found
    content[f"{_OWN}:name"] = node.name
    if not node.is_described:
        content[f"{_OWN}:described"] = _typed("false", "xsd:boolean")
    content |= {f"{_OWN}:{name}": _value(name, value) for name, value in facts.items()}
    return content


def _stated(edge: Edge, roles: Mapping[str, str], names: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Return the kind of PROV relation that an edge is, and its content."""
    form = _RELATIONS.get(edge.relation)
    if edge.relation == "wasAssociatedWith" and roles[edge.to_node] == _ENTITY:
        form = _PLAN
    ends = (roles[edge.from_node], roles[edge.to_node])
    if form is None or ends != (form.subject[0], form.object[0]):
        content = {"prov:influencee": names[edge.from_node], "prov:influencer": names[edge.to_node]}
        return _ANY_INFLUENCE, {**content, f"{_OWN}:relation": edge.relation, **_further(edge, None)}
    content = {form.subject[1]: names[edge.from_node], form.object[1]: names[edge.to_node]}
    return edge.relation, content if edge.relation in _BARE else {**content, **_further(edge, form.time)}


def _further(edge: Edge, time: str | None) -> dict[str, Any]:
    at = None if edge.at is None else edge.at.isoformat()
    content: dict[str, Any] = {}
    if at is not None:
        content[time or f"{_OWN}:at"] = at if time else _typed(at, "xsd:dateTime")
    content[f"{_OWN}:statedBy"] = edge.source
    for name, value in (("transformation", edge.transformation), ("sha256", edge.sha256)):
        if value is not None:
            content[f"{_OWN}:{name}"] = value
    return content


def _value(name: str, value: Any) -> Any:
    """Return a fact as a PROV-JSON value: a typed literal for a number, a boolean or a time, a plain string else."""
    if isinstance(value, bool):
        return _typed(str(value).lower(), "xsd:boolean")
    if isinstance(value, int):
        return _typed(str(value), "xsd:integer")
    if isinstance(value, float):
        return _typed(repr(value), "xsd:double")
    if name.endswith(("_at", "_time", "_cutoff")):
        return _typed(value, "xsd:dateTime")
    return value


def _typed(value: str, kind: str) -> dict[str, str]:
    return {"$": value, "type": kind}


def _roles(graph: LineageGraph) -> dict[str, str]:
    """Return whether each node is an entity, an activity or an agent: by its kind, else by what relations say of it."""
    roles = {node.name: _ROLES.get(node.kind, _ENTITY) for node in graph.nodes}
    unknown = {node.name for node in graph.nodes if node.kind == "other"}
    for edge in graph.edges:
        form = _RELATIONS.get(edge.relation)
        for name, part in ((edge.from_node, 0), (edge.to_node, 1)):
            if form is not None and name in unknown:
                roles[name] = (form.subject, form.object)[part][0]
                unknown.discard(name)
    return roles
