"""An MLflow tracking server, asked over its REST interface: the same rows as its file store gives.

Interface: *MLflow REST API*, version 2.0: ``experiments/search``, ``runs/search``, ``metrics/get-history``,
``logged-models/search``, ``registered-models/search`` and ``model-versions/search``, each with ``page_token``. A server
that does not know one of them (logged models came with MLflow 3) is read without it, and the report says so.
"""

from __future__ import annotations

import json
import math
import re
from collections import deque
from typing import TYPE_CHECKING, Any

from audit_lab.capture.lineage.json_server import JsonServer
from audit_lab.capture.lineage.mlflow_artifacts import fetch_artifacts, model_file
from audit_lab.capture.lineage.mlflow_facts import CONTEXT, MOST_POINTS, MlflowFacts, text_of
from audit_lab.capture.lineage.mlflow_models import MLMODEL, described_model
from audit_lab.capture.lineage.plain_yaml import RefusedError
from audit_lab.capture.lineage.rows import Gathering, LineageRows, instant_of_ms
from audit_lab.errors import MisuseError, StorageError
from audit_lab.log.files.printable import printable
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["API", "PATIENCE_S", "read_mlflow_server"]

API = "/api/2.0/mlflow"
#: How long all questions together may take, unless it is said otherwise, in seconds.
PATIENCE_S = 600.0
_PAGE, _METRIC_PAGE, _MOST_PAGES = 500, 10_000, 20_000
_EXPERIMENTS_AT_ONCE = 100
_LARGEST_WHOLE = 2**63
_LOGGED_MODEL = re.compile(r"models:/(m-[0-9a-f]{32})")


def read_mlflow_server(
    address: str,
    *,
    experiments: Sequence[str] | None = None,
    artifacts: str | Path | None = None,
    patience_s: float = PATIENCE_S,
) -> LineageRows:
    """Read the runs, logged models and registered versions of an MLflow tracking server.

    Parameters
    ----------
    address
        ``https://host/path``, or ``http://``. Nothing else is asked: no redirect is followed, no address in an answer
        opened. ``MLFLOW_TRACKING_TOKEN``, or ``MLFLOW_TRACKING_USERNAME`` and ``MLFLOW_TRACKING_PASSWORD``, of the
        environment say who asks.
    experiments
        Names of those to read; every active one if omitted.
    artifacts
        A new folder into which the files of registered versions are fetched, as ``NAME/VERSION/...``; they are not
        opened. Without it no artifact is fetched but the ``MLmodel`` of each logged model, which is read.
    patience_s
        How long all of it may take, in seconds.

    Raises
    ------
    MisuseError
        The address cannot be meant, it would get a secret in clear, an experiment is not there, the folder is, or there
        is nothing to read.
    StorageError
        The server cannot be reached, refuses, fails, takes too long or answers with too much: nothing is read then.
    """
    gathering = Gathering("mlflow", "runs, models, versions and metric points")
    with JsonServer(address, patience_s=patience_s) as server:
        reading = _Reading(server, gathering)
        reading.read(experiments)
        if artifacts is not None:
            fetch_artifacts(server, reading.versions, artifacts, gathering)
    rows = gathering.rows()
    if rows.runs.is_empty() and rows.lineage.is_empty() and not rows.report.refused:
        raise MisuseError(
            f"{printable(address)} has no MLflow run and no registered version that may be read",
            "Check the address, and who asks.",
        )
    return rows


class _Reading:
    """Asks a server for one thing after the other, and adds what it answers."""

    def __init__(self, server: JsonServer, gathering: Gathering) -> None:
        self._server, self._gathering = server, gathering
        self._facts = MlflowFacts(gathering)
        self._runs: set[str] = set()
        #: Registered name to what the registry says of it.
        self._names: dict[str, dict[str, Any]] = {}
        #: Name, version, run and logged model of each registered version that was taken over.
        self.versions: list[tuple[str, str, str | None, str | None]] = []

    def read(self, names: Sequence[str] | None) -> None:
        """Read the experiments of these names, or all of them, and what belongs to them."""
        experiments = self._experiments(names)
        ids = list(experiments)
        for start in range(0, len(ids), _EXPERIMENTS_AT_ONCE):
            some = {"experiment_ids": ids[start : start + _EXPERIMENTS_AT_ONCE], "max_results": _PAGE}
            models = list(self._entries("POST", "logged-models/search", some, "models"))
            for model in models:
                self._described(model)
            for run in self._entries("POST", "runs/search", {**some, "run_view_type": "ALL"}, "runs"):
                self._run(run, experiments)
            for model in models:
                self._logged_model(model)
        aliases = self._aliases()
        for version in self._entries("GET", "model-versions/search", {"max_results": str(_PAGE)}, "model_versions"):
            self._version(version, aliases, is_all=names is None)

    def _experiments(self, names: Sequence[str] | None) -> dict[str, str]:
        asked = {"max_results": _PAGE, "view_type": "ACTIVE_ONLY"}
        found = {}
        for entry in self._pages("POST", "experiments/search", asked, "experiments"):
            number = text_of(entry, "experiment_id")
            if number is not None:
                found[number] = text_of(entry, "name") or number
        if names is None:
            return found
        missing = [name for name in names if name not in found.values()]
        if missing:
            raise MisuseError(
                f"{printable(self._server.address)} has no active experiment {printable(missing[0])}",
                f"Known are: {', '.join(printable(name) for name in sorted(found.values())[:20]) or 'none'}.",
            )
        return {number: name for number, name in found.items() if name in names}

    def _run(self, entry: Any, experiments: dict[str, str]) -> None:
        info, data = _object(entry, "info"), _object(entry, "data")
        run_id = text_of(info, "run_id") or text_of(info, "run_uuid")
        if run_id is None or run_id in self._runs:
            if run_id is None:
                self._refuse("runs/search", "a run without an id", entry)
            else:
                self._gathering.duplicates += 1
            return
        self._runs.add(run_id)
        used = []
        for each in _list(_object(entry, "inputs"), "dataset_inputs"):
            dataset = _object(each, "dataset")
            if text_of(dataset, "name") is None:
                self._gathering.note("Inputs that name no data set: left out.")
                continue
            used.append((self._facts.dataset(dataset), _pairs(each, "tags").get(CONTEXT)))
        outputs = _list(_object(entry, "outputs"), "model_outputs")
        self._facts.run(
            run_id,
            info,
            times=(instant_of_ms(info.get("start_time")), instant_of_ms(info.get("end_time"))),
            experiment=experiments.get(text_of(info, "experiment_id") or "", ""),
            parameters=_pairs(data, "params"),
            tags=_pairs(data, "tags"),
            metrics=self._metrics(run_id, data),
            used=used,
            made=[model for each in outputs if (model := text_of(each, "model_id")) is not None],
        )

    def _metrics(self, run_id: str, data: dict[str, Any]) -> dict[str, list[list[Any]]]:
        """Return each metric's history: time in milliseconds, value and step; a point is a record."""
        keys = sorted({key for each in _list(data, "metrics") if (key := text_of(each, "key")) is not None})
        found = {}
        for key in keys:
            points, count = deque[list[Any]](maxlen=MOST_POINTS), 0
            asked = {"run_id": run_id, "metric_key": key, "max_results": str(_METRIC_PAGE)}
            for entry in self._entries("GET", "metrics/get-history", asked, "metrics"):
                point = _point(entry)
                if point is None:
                    self._refuse("metrics/get-history", "it is not time, value and step", entry)
                else:
                    points.append(point)
                    count += 1
            if count > MOST_POINTS:
                self._gathering.note(f"Metrics with more than {MOST_POINTS:,} points: the last {MOST_POINTS:,} kept.")
            if points:
                found[key] = list(points)
        return found

    def _logged_model(self, entry: Any) -> None:
        info = _object(entry, "info")
        model, run_id = text_of(info, "model_id"), text_of(info, "source_run_id")
        if model is None:
            self._refuse("logged-models/search", "a logged model without an id", entry)
        elif run_id is not None:
            self._facts.logged_model(model, run_id, instant_of_ms(info.get("creation_timestamp_ms")))

    def _described(self, entry: Any) -> None:
        """Ask for the ``MLmodel`` of a logged model; no other artifact is."""
        model = text_of(_object(entry, "info"), "model_id")
        content = None if model is None else model_file(self._server, model)
        if model is None or content is None:
            self._gathering.note("Logged models whose MLmodel the server does not hand out.")
            return
        self._gathering.files += 1
        self._gathering.read += 1
        try:
            self._facts.described(model, described_model(content))
        except RefusedError as error:
            self._gathering.refuse(self._server.address, f"{model}/{MLMODEL}", str(error), content)

    def _aliases(self) -> dict[tuple[str, str], list[str]]:
        """Return the aliases of each registered version, by name and version; what is said of names is noted."""
        found: dict[tuple[str, str], list[str]] = {}
        asked = {"max_results": str(_PAGE)}
        for entry in self._pages("GET", "registered-models/search", asked, "registered_models"):
            name = text_of(entry, "name")
            if name is not None:
                self._names[name] = {**entry, "tags": _pairs(entry, "tags")}
            for each in _list(entry, "aliases") if isinstance(entry, dict) else ():
                alias, version = text_of(each, "alias"), text_of(each, "version")
                if name is not None and alias is not None and version is not None:
                    found.setdefault((name, version), []).append(alias)
        return found

    def _version(self, entry: Any, aliases: dict[tuple[str, str], list[str]], *, is_all: bool) -> None:
        name, version = text_of(entry, "name"), text_of(entry, "version")
        if name is None or version is None:
            self._refuse("model-versions/search", "a version without a name and a number", entry)
            return
        run_id, model = text_of(entry, "run_id"), text_of(entry, "model_id") or _model_of(text_of(entry, "source"))
        if not is_all and run_id not in self._runs:
            self._gathering.note("Registered versions of runs that are not in the named experiments: left out.")
            return
        self.versions.append((name, version, run_id, model))
        named, tags = aliases.get((name, version), ()), _pairs(entry, "tags")
        of_name = self._names.get(name, {})
        self._facts.version(name, version, entry, model=model, aliases=named, tags=tags, of_name=of_name)

    def _entries(self, method: str, path: str, asked: dict[str, Any], member: str) -> Iterator[Any]:
        """Yield the entries of all pages, each of which is a record."""
        for entry in self._pages(method, path, asked, member):
            self._gathering.read += 1
            yield entry

    def _pages(self, method: str, path: str, asked: dict[str, Any], member: str) -> Iterator[Any]:
        token, seen = "", set[str]()
        for _ in range(_MOST_PAGES):
            page = self._page(method, path, {**asked, "page_token": token} if token else asked)
            if page is None:
                self._gathering.note(f"The server does not know {path}: what that would tell is not in the rows.")
                return
            yield from _list(page, member)
            token = text_of(page, "next_page_token") or ""
            if not token:
                return
            if token in seen:
                break
            seen.add(token)
        raise StorageError(
            f"{printable(self._server.address)} has no end of pages of {path}",
            "Look into the server: it names a page again, or far too many.",
            "other",
        )

    def _page(self, method: str, path: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        server, place = self._server, f"{API}/{path}"
        content = server.get(place, asked) if method == "GET" else server.post(place, asked)
        if content is None:
            return None
        self._gathering.files += 1
        try:
            page = parse_json(content, "it")
        except MalformedError as error:
            raise self._unfit(path, error.message) from error
        if not isinstance(page, dict):
            raise self._unfit(path, "it is no object")
        return page

    def _unfit(self, path: str, why: str) -> StorageError:
        return StorageError(
            f"what {printable(self._server.address)} answers to {path} cannot be taken over ({printable(why, 200)})",
            "Check that it is an MLflow tracking server; name experiments to leave out the one with that entry.",
            "other",
        )

    def _refuse(self, path: str, reason: str, entry: Any) -> None:
        raw = json.dumps(entry, sort_keys=True, ensure_ascii=True).encode()
        self._gathering.refuse(self._server.address, path, reason, raw)


def _model_of(source: str | None) -> str | None:
    """Return the logged model that a version's source names, ``models:/m-...``: servers leave `model_id` out."""
    found = _LOGGED_MODEL.fullmatch(source or "")
    return None if found is None else found[1]


def _object(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _list(value: dict[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def _pairs(value: Any, name: str) -> dict[str, str]:
    """Return a list of ``key`` and ``value`` as a mapping; a value that is empty is one."""
    pairs = {}
    for each in _list(value, name) if isinstance(value, dict) else ():
        key, text = text_of(each, "key"), each.get("value", "") if isinstance(each, dict) else None
        if key is not None and isinstance(text, str):
            pairs[key] = text
    return pairs


def _point(entry: Any) -> list[Any] | None:
    """Return time, value and step of a point; a value that is no finite number as MLflow's file store has it."""
    if not isinstance(entry, dict):
        return None
    at, step = entry.get("timestamp", 0), entry.get("step", 0)
    try:
        value = float(entry.get("value", 0))
        at, step = int(at), int(step)
    except (TypeError, ValueError, OverflowError):
        return None
    if max(abs(at), abs(step)) >= _LARGEST_WHOLE:
        return None
    return [at, value if math.isfinite(value) else str(value), step]
