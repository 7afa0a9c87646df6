"""An MLflow file store: runs with parameters, metrics, commit and data, what they left behind, registered versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.capture.lineage.mlflow_files import StoreFiles
from audit_lab.capture.lineage.rows import Gathering, LineageRows, dataset_name, instant_of_ms, json_text
from audit_lab.errors import MisuseError
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_mlflow_runs"]

_REGISTRY, _DATASETS, _MODELS, _TRASH = "models", "datasets", "models", ".trash"
_COMMIT, _PARENT, _HISTORY = "mlflow.source.git.commit", "mlflow.parentRunId", "mlflow.log-model.history"
_CONTEXT = "mlflow.data.context"
#: Tags that are kept beside a run; the user's name is not among them.
_KEPT_TAGS = (
    "mlflow.runName",
    "mlflow.source.name",
    "mlflow.source.type",
    "mlflow.source.git.branch",
    "mlflow.note.content",
)
_STATES = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_SEED = ("seed", "random_state")
_ADDRESSES = ("uri", "url", "path", "table_name", "delta_table_name")
_WHOLE = 2**63


def read_mlflow_runs(folder: str | Path) -> LineageRows:
    """Read the runs of an MLflow file store: the whole of it (``mlruns``), one experiment's folder, or one run's.

    Parameters
    ----------
    folder
        Read within its own bounds: links are not followed, and no name in a file leads out of it. Artifacts are not
        opened.

    Raises
    ------
    MisuseError
        The folder is missing, or holds no run and no registered version.

    Notes
    -----
    A data set is ``NAME`` in the version that MLflow's own digest of it names; that digest is no SHA-256. A run of
    which a model is left, or registered, is of the kind ``training``; of others the kind is not said.
    """
    root = Path(folder)
    if not root.is_dir():
        raise MisuseError(f"{root} is no folder", "Name an MLflow file store (mlruns), or a folder of a run in it.")
    gathering = Gathering("mlflow", "files and metric points")
    store = _Store(root, gathering)
    store.read()
    rows = gathering.rows()
    if rows.runs.is_empty() and rows.lineage.is_empty() and not rows.report.refused:
        raise MisuseError(
            f"{root} holds no MLflow run and no registered version",
            "Name a folder of an MLflow file store; one in a database has to be exported first.",
        )
    return rows


class _Store:
    """Goes through a store, and adds what it finds."""

    def __init__(self, root: Path, gathering: Gathering) -> None:
        self._root = root
        self._files = StoreFiles(root, gathering)
        self._gathering = gathering
        self._source_runs: dict[str, str] = {}

    def read(self) -> None:
        """Read whichever part of a store the folder is."""
        meta = self._files.meta(self._root)
        if meta is not None and "run_id" in meta:
            self._run(self._root, meta, {}, "")
            self._gathering.note("One run was read, without its experiment: its data sets and models are not in it.")
            return
        if meta is not None and "experiment_id" in meta:
            self._experiment(self._root, meta)
            return
        for each in self._files.folders(self._root):
            if each.name == _TRASH:
                self._gathering.note("Deleted experiments (.trash) were not read.")
            elif each.name != _REGISTRY:
                self._experiment(each, self._files.meta(each))
        registry = self._root / _REGISTRY
        if registry.is_dir() and not registry.is_symlink():
            for model in self._files.folders(registry):
                for version in self._files.folders(model):
                    self._version(version)

    def _experiment(self, folder: Path, meta: dict[str, Any] | None) -> None:
        datasets: dict[str, dict[str, Any]] = {}
        runs = []
        for each in self._files.folders(folder):
            if each.name == _DATASETS:
                found = {one.name: self._files.meta(one) for one in self._files.folders(each)}
                datasets = {name: one for name, one in found.items() if one is not None}
            elif each.name == _MODELS:
                for model in self._files.folders(each):
                    self._logged_model(model)
            else:
                runs.append(each)
        for each in runs:
            run = self._files.meta(each)
            if run is not None and "run_id" in run:
                self._run(each, run, datasets, _text(meta, "name") or folder.name)

    def _run(self, folder: Path, meta: dict[str, Any], datasets: dict[str, dict[str, Any]], experiment: str) -> None:
        run_id = _text(meta, "run_id") or folder.name
        node, started = f"run:{run_id}", instant_of_ms(meta.get("start_time"))
        tags = self._files.values(folder / "tags")
        parameters = self._files.values(folder / "params")
        shared = {"run_id": run_id}
        used = []
        for each, context in self._inputs(folder):
            dataset = datasets.get(each)
            if dataset is None or _text(dataset, "name") is None:
                self._gathering.note(f"An input of which the experiment describes no data set: {each[:60]!a}.")
                continue
            name = self._dataset(dataset)
            used.append(name)
            transformation = json_text({"context": context} if context else None)
            self._gathering.edge(node, "used", f"dataset:{name}", at=started, transformation=transformation, **shared)
        commit, parent = tags.get(_COMMIT, "").strip(), tags.get(_PARENT, "").strip()
        if commit:
            self._gathering.edge(node, "wasAssociatedWith", f"commit:{commit}", at=started, **shared)
        if parent:
            self._gathering.edge(node, "wasStartedBy", f"run:{parent}", at=started, **shared)
        ended = instant_of_ms(meta.get("end_time"))
        made = [*self._outputs(folder), *_history(self._json(tags.get(_HISTORY)), run_id)]
        for model in made:
            self._gathering.edge(f"logged-model:{model}", "wasGeneratedBy", node, at=ended or started, **shared)
        self._gathering.run(
            run_id,
            kind="training" if made else None,
            started_at=started,
            ended_at=ended,
            code_commit=commit or None,
            pipeline_id=experiment or None,
            hyperparameters=json_text(parameters),
            seeds=json_text({name: value for name, value in parameters.items() if name.lower().endswith(_SEED)}),
            datasets_in=json_text(used),
            metrics=json_text(self._files.metrics(folder / "metrics")),
            state=_state(meta),
            facets=json_text({name: tags[name] for name in _KEPT_TAGS if name in tags}),
        )

    def _inputs(self, folder: Path) -> Iterator[tuple[str, str | None]]:
        """Yield the data set, and what for, of each of a run's inputs."""
        for each in self._files.folders(folder / "inputs") if (folder / "inputs").is_dir() else ():
            meta = self._files.meta(each)
            source = _text(meta, "source_id")
            if source is not None and _text(meta, "source_type") in {None, "DATASET"}:
                tags = meta.get("tags") if meta else None
                yield source, _text(tags, _CONTEXT)

    def _outputs(self, folder: Path) -> Iterator[str]:
        """Yield the logged models that a run left behind."""
        for each in self._files.folders(folder / "outputs") if (folder / "outputs").is_dir() else ():
            meta = self._files.meta(each)
            model = _text(meta, "destination_id")
            if model is not None and _text(meta, "destination_type") == "MODEL_OUTPUT":
                yield model

    def _dataset(self, meta: dict[str, Any]) -> str:
        name, digest = _text(meta, "name") or "", _text(meta, "digest") or ""
        source, profile = (self._object(meta.get(key)) for key in ("source", "profile"))
        rows = profile.get("num_rows")
        self._gathering.dataset(
            name,
            digest,
            uri=next((found for key in _ADDRESSES if (found := _text(source, key))), None),
            schema=_text(meta, "schema"),
            rows=rows if isinstance(rows, int) and not isinstance(rows, bool) and 0 <= rows < _WHOLE else None,
            source=_text(meta, "source_type"),
            digest=f"mlflow:{digest}" if digest else None,
            facets=json_text({"source": source, "profile": profile} if source or profile else None),
        )
        return dataset_name(name, digest)

    def _object(self, text: Any) -> dict[str, Any]:
        """Return the object in a text of JSON; none where it is not one."""
        value = self._json(text)
        return value if isinstance(value, dict) else {}

    def _json(self, text: Any) -> Any:
        """Return what a text of JSON holds; None where there is none, or it was noted that it cannot be taken over."""
        if not isinstance(text, str) or not text:
            return None
        try:
            return parse_json(text.encode(), "a JSON text")
        except MalformedError as error:
            self._gathering.note(f"Left out of the store: {error.message}.")
            return None

    def _logged_model(self, folder: Path) -> None:
        meta = self._files.meta(folder)
        model, run_id = _text(meta, "model_id"), _text(meta, "source_run_id")
        if meta is None or model is None or run_id is None:
            return
        self._source_runs[model] = run_id
        at = instant_of_ms(meta.get("creation_timestamp"))
        self._gathering.edge(f"logged-model:{model}", "wasGeneratedBy", f"run:{run_id}", at=at, run_id=run_id)

    def _version(self, folder: Path) -> None:
        meta = self._files.meta(folder)
        name, version = _text(meta, "name"), _text(meta, "version")
        if meta is None or name is None or version is None:
            return
        model = _text(meta, "model_id")
        run_id = _text(meta, "run_id") or self._source_runs.get(model or "")
        at, node = instant_of_ms(meta.get("creation_timestamp")), f"model:{name}@{version}"
        if run_id is not None:
            self._gathering.edge(node, "wasGeneratedBy", f"run:{run_id}", at=at, run_id=run_id)
            self._gathering.run(run_id, kind="training")
        else:
            self._gathering.note("Registered versions that name no run: what they came from is not in the store.")
        if model is not None:
            self._gathering.edge(node, "wasDerivedFrom", f"logged-model:{model}", at=at, run_id=run_id)


def _text(value: Any, name: str) -> str | None:
    """Return a member of an object as text where it is text or a whole number, and not empty."""
    found = value.get(name) if isinstance(value, dict) else None
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) and found else None


def _history(entries: Any, run_id: str) -> Iterator[str]:
    """Yield the models that MLflow 2 noted as logged: by run and path."""
    for entry in entries if isinstance(entries, list) else ():
        path, model = _text(entry, "artifact_path"), _text(entry, "model_id")
        if model is not None:
            yield model
        elif path is not None:
            yield f"{run_id}/{path}"


def _state(meta: dict[str, Any]) -> str | None:
    if meta.get("lifecycle_stage") == "deleted":
        return "DELETED"
    status = meta.get("status")
    return _STATES.get(status, str(status)) if isinstance(status, int) else _text(meta, "status")
