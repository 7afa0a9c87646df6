"""OpenLineage events: the events of one run become one run, with what it used and what it generated.

A run's events may stand in several files and in any order, and each may say a part: START names inputs, COMPLETE names
outputs. They are merged by run id; where two say different things of the same facet, the later event counts, by its own
time. So the same events give the same rows, whatever the order in which they are read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.capture.lineage.event_files import event_files, records
from audit_lab.capture.lineage.facets import (
    column_sources,
    commit_of,
    dataset_facts,
    dataset_id,
    is_known,
    parent_run,
    run_facts,
    text,
)
from audit_lab.capture.lineage.rows import Gathering, LineageRows, instant, json_text
from audit_lab.errors import StorageError
from audit_lab.seal.digests import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from audit_lab.capture.lineage.event_files import Record

__all__ = ["read_openlineage"]

_ENDS = ("COMPLETE", "FAIL", "ABORT")
_STATES = ("START", "RUNNING", *_ENDS, "OTHER")
#: Which event is the later of two at the same moment.
_RANK = {state: rank for rank, state in enumerate(("OTHER", "START", "RUNNING", *_ENDS))}
_IN, _OUT = "inputs", "outputs"
_NOBODY = ("", "")
_NEVER = datetime.min.replace(tzinfo=UTC)
#: When something was said: the event's time, its state, its digest.
_Stamp = tuple[datetime, int, str]
_Named = tuple[str, str]


@dataclass
class _Facets:
    """Facets as the latest event that has them states them."""

    values: dict[str, tuple[_Stamp, Any]] = field(default_factory=dict)

    def take(self, facets: Any, stamp: _Stamp) -> None:
        for name, value in facets.items() if isinstance(facets, dict) else ():
            if name not in self.values or stamp > self.values[name][0]:
                self.values[name] = (stamp, value)

    def plain(self) -> dict[str, Any]:
        return {name: value for name, (_, value) in self.values.items()}


@dataclass
class _Work:
    """One run, or one job that is described without a run, as far as its events were read."""

    job: str
    is_run: bool
    states: dict[str, datetime] = field(default_factory=dict)
    first: datetime | None = None
    run: _Facets = field(default_factory=_Facets)
    code: _Facets = field(default_factory=_Facets)
    datasets: dict[tuple[str, str, str, str], _Facets] = field(default_factory=dict)


def read_openlineage(paths: str | Path | Iterable[str | Path]) -> LineageRows:
    """Read OpenLineage events from files, or folders of files, of JSON or of one event to a line.

    Parameters
    ----------
    paths
        Files are read line by line; memory holds the runs, not the events.

    Raises
    ------
    MisuseError
        A path is neither a file nor a folder, or no file was found.
    StorageError
        A file cannot be read.
    """
    merging = _Merging(Gathering("openlineage", "events"))
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    for path in event_files([Path(each) for each in given], merging.gathering):
        merging.gathering.files += 1
        try:
            for record in records(path, merging.gathering):
                merging.take(record)
        except OSError as error:
            message = f"{path} cannot be read: {error.strerror or error}"
            raise StorageError(message, "Check that you may read it.", "read") from error
    return merging.rows()


class _Merging:
    """Merges events into runs, jobs and data sets."""

    def __init__(self, gathering: Gathering) -> None:
        self.gathering = gathering
        self._works: dict[tuple[bool, str], _Work] = {}
        self._described: dict[tuple[str, str, str], _Facets] = {}
        self._seen: set[bytes] = set()

    def take(self, record: Record) -> None:
        """Merge one event."""
        self.gathering.read += 1
        event = record.value
        canonical = json.dumps(event, sort_keys=True, ensure_ascii=True).encode()
        reason = _unfit(event)
        if reason is not None:
            self.gathering.refuse(record.file, record.place, reason, record.raw or canonical)
            return
        digest = sha256(canonical)
        if bytes.fromhex(digest) in self._seen:
            self.gathering.duplicates += 1
            return
        self._seen.add(bytes.fromhex(digest))
        state = event.get("eventType") or "OTHER"
        stamp = (instant(event["eventTime"]) or _NEVER, _RANK[state], digest)
        if "job" in event:
            self._work(event, state, stamp)
        else:
            self._describe(event["dataset"], stamp)

    def rows(self) -> LineageRows:
        """Return what was merged."""
        for (namespace, name, version), facets in sorted(self._described.items()):
            _dataset(self.gathering, (namespace, name), facets.plain(), version)
        for (_, name), work in sorted(self._works.items()):
            _emit(self.gathering, name, work)
        return self.gathering.rows()

    def _describe(self, dataset: dict[str, Any], stamp: _Stamp) -> None:
        facets = _object(dataset.get("facets"))
        self._unread("dataset", facets)
        key = (*_named(dataset), dataset_facts(facets).version)
        self._described.setdefault(key, _Facets()).take(facets, stamp)

    def _work(self, event: dict[str, Any], state: str, stamp: _Stamp) -> None:
        job = dataset_id(*_named(event["job"]))
        run_id = event["run"]["runId"] if "run" in event else None
        work = self._works.setdefault((run_id is not None, run_id or job), _Work(job, is_run=run_id is not None))
        if work.job != job:
            self.gathering.note(f"The run {run_id!a:.60} is that of several jobs; the first by name is its pipeline.")
            work.job = min(work.job, job)
        if run_id is not None:
            known = work.states.get(state)
            work.states[state] = stamp[0] if known is None else (max if state in _ENDS else min)(known, stamp[0])
            work.run.take(event["run"].get("facets"), stamp)
            self._unread("run", event["run"].get("facets"))
        work.first = stamp[0] if work.first is None else min(work.first, stamp[0])
        work.code.take(event["job"].get("facets"), stamp)
        self._unread("job", event["job"].get("facets"))
        for role in (_IN, _OUT):
            for each in event.get(role) or ():
                own = {**_object(each.get("facets")), **_object(each.get(f"{role[:-1]}Facets"))}
                self._unread("dataset", own)
                key = (role, *_named(each), dataset_facts(own).version)
                work.datasets.setdefault(key, _Facets()).take(own, stamp)

    def _unread(self, kind: str, facets: Any) -> None:
        for name in sorted(map(str, facets)) if isinstance(facets, dict) else ():
            if not is_known(kind, name):
                self.gathering.note(f"Facet of a {kind} not taken over: {name[:60]!a}.")


def _unfit(event: Any) -> str | None:
    """Return why an event cannot be taken over; None where it can."""
    if not isinstance(event, dict):
        return "it is no object"
    state, has_job, has_run = event.get("eventType"), "job" in event, "run" in event
    faults = (
        (instant(event.get("eventTime")) is None, "its eventTime is no time with a zone"),
        (state is not None and state not in _STATES, f"its eventType is none of {', '.join(_STATES)}"),
        (has_job and _named(event["job"]) == _NOBODY, "its job has no namespace and name"),
        (not has_job and _named(event.get("dataset")) == _NOBODY, "it names neither a job nor a data set"),
        (has_job and has_run and text(event["run"], "runId") is None, "its run has no runId"),
        (not has_run and state is not None, "it states what a run did, and names no run"),
        *((not isinstance(event.get(role) or [], list), f"its {role} are no list") for role in (_IN, _OUT)),
        *(
            (any(_named(each) == _NOBODY for each in _list(event.get(role))), f"one of its {role} has no name")
            for role in (_IN, _OUT)
        ),
    )
    return next((reason for is_so, reason in faults if is_so), None)


def _named(value: Any) -> _Named:
    """Return namespace and name, both or neither."""
    namespace, name = text(value, "namespace"), text(value, "name")
    return _NOBODY if namespace is None or name is None else (namespace, name)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _emit(gathering: Gathering, name: str, work: _Work) -> None:
    """Add a merged run's edges, its row, and its data sets."""
    node = f"run:{name}" if work.is_run else f"job:{name}"
    run_id = name if work.is_run else None
    ended = max((at for state, at in work.states.items() if state in _ENDS), default=None)
    started = work.states.get("START", work.first)
    code = work.code.plain()
    shared = {"run_id": run_id, "openlineage_id": f"{work.job}/{name}" if work.is_run else work.job}
    nodes: dict[tuple[str, str, str], list[str]] = {}
    for (role, namespace, dataset, version), facets in _versions(work):
        each = _dataset(gathering, (namespace, dataset), facets, version)
        nodes.setdefault((role, namespace, dataset), []).append(each)
        if role == _IN:
            gathering.edge(node, "used", each, at=started, **shared)
        else:
            gathering.edge(each, "wasGeneratedBy", node, at=ended or started, **shared)
    for (role, namespace, dataset, version), facets in _versions(work):
        if role == _OUT:
            own = _node_of((namespace, dataset), dataset_facts(facets), version)
            _derivations(gathering, own, facets, nodes, {**shared, "at": ended or started})
    commit, where = commit_of(code)
    if commit is not None:
        gathering.edge(node, "wasAssociatedWith", f"commit:{commit}", at=started, transformation=where, **shared)
    if not work.is_run:
        return
    parent = parent_run(work.run.plain())
    if parent is not None:
        gathering.edge(node, "wasStartedBy", f"run:{parent}", at=started, **shared)
    ends = [state for state in _ENDS if state in work.states]
    if len(ends) > 1:
        gathering.note(f"The run {name!a:.60} ended in several ways: {', '.join(ends)}; the last of them counts.")
    last = max(work.states.items(), key=lambda each: (each[0] in _ENDS, each[1], _RANK.get(each[0], 0)))[0]
    gathering.run(
        name,
        started_at=started,
        ended_at=ended,
        code_commit=commit,
        pipeline_id=work.job,
        datasets_in=_listed(nodes, _IN),
        datasets_out=_listed(nodes, _OUT),
        state=last,
        **run_facts(work.run.plain(), code),
    )


def _versions(work: _Work) -> Iterator[tuple[tuple[str, str, str, str], dict[str, Any]]]:
    """Yield a run's data sets; where some events give a version, what others say without one belongs to it."""
    stated: dict[tuple[str, str, str], list[str]] = {}
    for role, namespace, name, version in sorted(work.datasets):
        stated.setdefault((role, namespace, name), []).append(version)
    for (role, namespace, name), versions in stated.items():
        bare = work.datasets.get((role, namespace, name, ""))
        for version in [each for each in versions if each] or [""]:
            merged = _Facets()
            for part in (bare, work.datasets[role, namespace, name, version]):
                if part is not None:
                    for facet, (stamp, value) in part.values.items():
                        merged.take({facet: value}, stamp)
            yield (role, namespace, name, version), merged.plain()


def _node_of(named: _Named, facts: Any, version: str) -> str:
    if facts.is_model and version:
        return f"model:{named[1]}@{version}"
    suffix = f"@{version}" if version else ""
    return f"dataset:{dataset_id(*named)}{suffix}"


def _dataset(gathering: Gathering, named: _Named, facets: dict[str, Any], version: str) -> str:
    """Add a data set and return its node; a model in a version is a node of the registry, and no data set."""
    facts = dataset_facts(facets)
    node = _node_of(named, facts, version)
    if node.startswith("dataset:"):
        gathering.dataset(dataset_id(*named), version, **facts.columns)
    return node


def _derivations(
    gathering: Gathering,
    own: str,
    facets: dict[str, Any],
    nodes: dict[tuple[str, str, str], list[str]],
    shared: dict[str, Any],
) -> None:
    """Add an edge for each data set that columns of an output come from, and say which from which."""
    for (namespace, name), columns in sorted(column_sources(facets).items()):
        sources = nodes.get((_IN, namespace, name)) or [f"dataset:{dataset_id(namespace, name)}"]
        for source in sources:
            gathering.edge(own, "wasDerivedFrom", source, transformation=json_text({"columns": columns}), **shared)


def _listed(nodes: dict[tuple[str, str, str], list[str]], role: str) -> str | None:
    names = [each for key, found in nodes.items() if key[0] == role for each in found]
    return json_text([each.removeprefix("dataset:") for each in names if each.startswith("dataset:")])
