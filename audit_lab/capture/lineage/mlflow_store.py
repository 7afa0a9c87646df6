"""An MLflow file store: runs with parameters, metrics, commit and data, what they left behind, registered versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.capture.lineage.mlflow_facts import CONTEXT, MlflowFacts, text_of
from audit_lab.capture.lineage.mlflow_files import StoreFiles
from audit_lab.capture.lineage.rows import Gathering, LineageRows, instant_of_ms
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_mlflow_runs"]

_ARTIFACTS = "artifacts"
_REGISTRY, _ALIASES, _DATASETS, _MODELS, _TRASH = "models", "aliases", "datasets", "models", ".trash"


def read_mlflow_runs(folder: str | Path) -> LineageRows:
    """Read the runs of an MLflow file store: all of it (``mlruns``), an experiment's folder, a run's, or a model's.

    Parameters
    ----------
    folder
        Read within its own bounds: links are not followed, and no name in a file leads out of it. Of the artifacts
        no other file is opened than the ``MLmodel`` of each model.

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
            "Name a folder of an MLflow file store; one in a database is read through its server, by its address.",
        )
    return rows


class _Store:
    """Goes through a store, and adds what it finds."""

    def __init__(self, root: Path, gathering: Gathering) -> None:
        self._root = root
        self._files = StoreFiles(root, gathering)
        self._gathering = gathering
        self._facts = MlflowFacts(gathering)

    def read(self) -> None:
        """Read whichever part of a store the folder is; or the model in it."""
        said = self._files.model(self._root)
        if said is not None:
            self._facts.described(text_of(said, "model_id") or text_of(said, "model_uuid") or self._root.name, said)
            self._gathering.note("One model was read, without its run: what the run was is not in it.")
            return
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
                aliases = self._files.values(model / _ALIASES)
                of_name = {**(self._files.meta(model) or {}), "tags": self._files.values(model / "tags")}
                for version in self._files.folders(model):
                    self._version(version, aliases, of_name)

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
                self._run(each, run, datasets, text_of(meta, "name") or folder.name)

    def _run(self, folder: Path, meta: dict[str, Any], datasets: dict[str, dict[str, Any]], experiment: str) -> None:
        used = []
        for each, context in self._inputs(folder):
            dataset = datasets.get(each)
            if dataset is None or text_of(dataset, "name") is None:
                self._gathering.note(f"An input of which the experiment describes no data set: {each[:60]!a}.")
                continue
            used.append((self._facts.dataset(dataset), context))
        run_id, tags = text_of(meta, "run_id") or folder.name, self._files.values(folder / "tags")
        for model, path in self._facts.logged_within(run_id, tags):
            said = self._files.model_within(folder, f"{_ARTIFACTS}/{path}")
            if said is not None:
                self._facts.described(model, said)
        self._facts.run(
            run_id,
            meta,
            times=(instant_of_ms(meta.get("start_time")), instant_of_ms(meta.get("end_time"))),
            experiment=experiment,
            parameters=self._files.values(folder / "params"),
            tags=tags,
            metrics=self._files.metrics(folder / "metrics"),
            used=used,
            made=list(self._outputs(folder)),
        )

    def _inputs(self, folder: Path) -> Iterator[tuple[str, str | None]]:
        """Yield the data set, and what for, of each of a run's inputs."""
        for each in self._files.folders(folder / "inputs") if (folder / "inputs").is_dir() else ():
            meta = self._files.meta(each)
            source = text_of(meta, "source_id")
            if source is not None and text_of(meta, "source_type") in {None, "DATASET"}:
                tags = meta.get("tags") if meta else None
                yield source, text_of(tags, CONTEXT)

    def _outputs(self, folder: Path) -> Iterator[str]:
        """Yield the logged models that a run left behind."""
        for each in self._files.folders(folder / "outputs") if (folder / "outputs").is_dir() else ():
            meta = self._files.meta(each)
            model = text_of(meta, "destination_id")
            if model is not None and text_of(meta, "destination_type") == "MODEL_OUTPUT":
                yield model

    def _logged_model(self, folder: Path) -> None:
        meta = self._files.meta(folder)
        model, run_id = text_of(meta, "model_id"), text_of(meta, "source_run_id")
        if meta is not None and model is not None and run_id is not None:
            self._facts.logged_model(model, run_id, instant_of_ms(meta.get("creation_timestamp")))
        said = self._files.model_within(folder, _ARTIFACTS)
        if said is not None:
            self._facts.described(model or folder.name, said)

    def _version(self, folder: Path, aliases: dict[str, str], of_name: dict[str, Any]) -> None:
        meta = self._files.meta(folder)
        name, version = text_of(meta, "name"), text_of(meta, "version")
        if meta is not None and name is not None and version is not None:
            named = [alias for alias, of in aliases.items() if of.strip() == version]
            tags = self._files.values(folder / "tags")
            model = text_of(meta, "model_id") or _within_run(text_of(meta, "source"), text_of(meta, "run_id"))
            self._facts.version(name, version, meta, model=model, aliases=named, tags=tags, of_name=of_name)


def _within_run(source: str | None, run_id: str | None) -> str | None:
    """Return how the model is called that a version of MLflow 2 names as its source: by its run, and its path there."""
    if source is None or run_id is None:
        return None
    _, found, path = source.partition(f"{run_id}/artifacts/")
    if not found and source.startswith(f"runs:/{run_id}/"):
        path = source.removeprefix(f"runs:/{run_id}/")
    return f"{run_id}/{path.strip('/')}" if path.strip("/") else None
