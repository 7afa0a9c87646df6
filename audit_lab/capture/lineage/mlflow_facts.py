"""What MLflow says of runs, data sets, logged models and registered versions, as rows, wherever it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.capture.lineage.rows import dataset_name, instant, instant_of_ms, json_text
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from audit_lab.capture.lineage.rows import Gathering

__all__ = ["CONTEXT", "MOST_POINTS", "MlflowFacts", "text_of"]

#: The tag of an input that says what for.
CONTEXT = "mlflow.data.context"
#: Of a metric's history so many points are kept, the last ones.
MOST_POINTS = 10_000
_COMMIT, _PARENT, _HISTORY = "mlflow.source.git.commit", "mlflow.parentRunId", "mlflow.log-model.history"
#: Tags that are kept beside a run; the user's name is not among them.
_KEPT_TAGS = (
    "mlflow.runName",
    "mlflow.source.name",
    "mlflow.source.type",
    "mlflow.source.git.branch",
    "mlflow.note.content",
)
#: What begins so was set by MLflow itself.
_OWN_TAGS = "mlflow."
_STATES = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_SEED = ("seed", "random_state")
_ADDRESSES = ("uri", "url", "path", "table_name", "delta_table_name")
_WHOLE = 2**63


class MlflowFacts:
    """Adds what MLflow says to a gathering."""

    def __init__(self, gathering: Gathering) -> None:
        self._gathering = gathering
        self._source_runs: dict[str, str] = {}
        #: Logged model to what its ``MLmodel`` says.
        self._described: dict[str, dict[str, Any]] = {}

    def run(
        self,
        run_id: str,
        meta: Mapping[str, Any],
        *,
        times: tuple[datetime | None, datetime | None],
        experiment: str,
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
        metrics: Mapping[str, list[list[Any]]],
        used: list[tuple[str, str | None]],
        made: list[str],
    ) -> None:
        """Add a run, its edges, and what it used (data set, what for) and left behind (logged models)."""
        (started, ended), node, shared = times, f"run:{run_id}", {"run_id": run_id}
        for name, context in used:
            said = json_text({"context": context} if context else None)
            self._gathering.edge(node, "used", f"dataset:{name}", at=started, transformation=said, **shared)
        commit, parent = tags.get(_COMMIT, "").strip(), tags.get(_PARENT, "").strip()
        if commit:
            self._gathering.edge(node, "wasAssociatedWith", f"commit:{commit}", at=started, **shared)
        if parent:
            self._gathering.edge(node, "wasStartedBy", f"run:{parent}", at=started, **shared)
        made = [*made, *_history(self.json(tags.get(_HISTORY)), run_id)]
        for model in made:
            self._gathering.edge(f"logged-model:{model}", "wasGeneratedBy", node, at=ended or started, **shared)
        self._gathering.run(
            run_id,
            kind="training" if made else None,
            started_at=started,
            ended_at=ended,
            code_commit=commit or None,
            pipeline_id=experiment or None,
            hyperparameters=json_text(dict(parameters)),
            seeds=json_text({name: value for name, value in parameters.items() if name.lower().endswith(_SEED)}),
            datasets_in=json_text([name for name, _ in used]),
            metrics=json_text(dict(metrics)),
            state=_state(meta),
            facets=json_text(self._facets(run_id, tags)),
        )

    def _facets(self, run_id: str, tags: Mapping[str, str]) -> dict[str, Any]:
        """Return what is kept beside a run: MLflow's own tags, those that somebody set, and the models it left."""
        own = {name: tags[name] for name in _KEPT_TAGS if name in tags}
        further = {name: text for name, text in tags.items() if not name.startswith(_OWN_TAGS)}
        models = {model: said for model, said in self._described.items() if text_of(said, "run_id") == run_id}
        return {**own, **({"tags": further} if further else {}), **({"models": models} if models else {})}

    def logged_within(self, run_id: str, tags: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield the models that MLflow 2 noted as logged by a run, and the path of each in the run's artifacts."""
        entries = self.json(tags.get(_HISTORY))
        for entry in entries if isinstance(entries, list) else ():
            path = text_of(entry, "artifact_path")
            if path is not None and text_of(entry, "model_id") is None:
                yield f"{run_id}/{path}", path

    def described(self, model: str, said: dict[str, Any]) -> None:
        """Add what the ``MLmodel`` of a logged model says; before the run that it names."""
        self._described[model] = said
        run_id = text_of(said, "run_id")
        if run_id is not None:
            self.logged_model(model, run_id, instant(said.get("utc_time_created")))
            self._gathering.run(run_id, kind="training", facets=json_text({"models": {model: said}}))

    def dataset(self, meta: Mapping[str, Any]) -> str:
        """Add a data set, and return its name: in the version that MLflow's own digest of it names."""
        name, digest = text_of(meta, "name") or "", text_of(meta, "digest") or ""
        source, profile = (self._object(meta.get(key)) for key in ("source", "profile"))
        rows = profile.get("num_rows")
        self._gathering.dataset(
            name,
            digest,
            uri=next((found for key in _ADDRESSES if (found := text_of(source, key))), None),
            schema=text_of(meta, "schema"),
            rows=rows if isinstance(rows, int) and not isinstance(rows, bool) and 0 <= rows < _WHOLE else None,
            source=text_of(meta, "source_type"),
            digest=f"mlflow:{digest}" if digest else None,
            facets=json_text({"source": source, "profile": profile} if source or profile else None),
        )
        return dataset_name(name, digest)

    def logged_model(self, model: str, run_id: str, at: datetime | None) -> None:
        """Add a model that a run left behind."""
        self._source_runs[model] = run_id
        self._gathering.edge(f"logged-model:{model}", "wasGeneratedBy", f"run:{run_id}", at=at, run_id=run_id)

    def version(
        self,
        name: str,
        version: str,
        said: Mapping[str, Any],
        *,
        model: str | None,
        aliases: Iterable[str],
        tags: Mapping[str, str],
        of_name: Mapping[str, Any],
    ) -> None:
        """Add a registered version, of a run or of the run that its logged model came from, as the registry says it.

        `of_name` is what the registry says of the name, for all of its versions.
        """
        run_id = text_of(said, "run_id") or self._source_runs.get(model or "")
        at, node = instant_of_ms(said.get("creation_timestamp")), f"model:{name}@{version}"
        facets = {
            "aliases": sorted(aliases),
            "tags": dict(tags),
            "stage": _stage(said),
            "status": text_of(said, "status"),
            "registered_at": at,
            "updated_at": instant_of_ms(said.get("last_updated_timestamp")),
            "model_description": text_of(dict(of_name), "description"),
            "model_tags": of_name.get("tags"),
            "model": self._described.get(model or ""),
        }
        self._gathering.version(
            name,
            version,
            run_id=run_id,
            artifact_uri=text_of(said, "source"),
            artifact_format="mlflow",
            changelog=text_of(said, "description"),
            recorded_at=at,
            facets=json_text({key: value for key, value in facets.items() if value}),
        )
        if run_id is not None:
            self._gathering.edge(node, "wasGeneratedBy", f"run:{run_id}", at=at, run_id=run_id)
            self._gathering.run(run_id, kind="training")
        else:
            self._gathering.note("Registered versions that name no run: what they came from is not in the store.")
        if model is not None:
            self._gathering.edge(node, "wasDerivedFrom", f"logged-model:{model}", at=at, run_id=run_id)

    def json(self, text: Any) -> Any:
        """Return what a text of JSON holds; None where there is none, or it was noted that it cannot be taken over."""
        if not isinstance(text, str) or not text:
            return None
        try:
            return parse_json(text.encode(), "a JSON text")
        except MalformedError as error:
            self._gathering.note(f"Left out of the store: {error.message}.")
            return None

    def _object(self, text: Any) -> dict[str, Any]:
        value = self.json(text)
        return value if isinstance(value, dict) else {}


def text_of(value: Any, name: str) -> str | None:
    """Return a member of an object as text where it is text or a whole number, and not empty."""
    found = value.get(name) if isinstance(value, dict) else None
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) and found else None


def _history(entries: Any, run_id: str) -> Iterator[str]:
    """Yield the models that MLflow 2 noted as logged: by run and path."""
    for entry in entries if isinstance(entries, list) else ():
        path, model = text_of(entry, "artifact_path"), text_of(entry, "model_id")
        if model is not None:
            yield model
        elif path is not None:
            yield f"{run_id}/{path}"


def _stage(said: Mapping[str, Any]) -> str | None:
    stage = text_of(said, "current_stage")
    return None if stage == "None" else stage


def _state(meta: Mapping[str, Any]) -> str | None:
    if meta.get("lifecycle_stage") == "deleted":
        return "DELETED"
    status = meta.get("status")
    return _STATES.get(status, str(status)) if isinstance(status, int) else text_of(dict(meta), "status")
