"""Train twice with MLflow, as a process of its own: writes a file store to the folder that it is given."""

from __future__ import annotations

import sys

import mlflow
from mlflow.data.http_dataset_source import HTTPDatasetSource
from mlflow.data.meta_dataset import MetaDataset


class Constant(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: list[float]) -> list[float]:
        return model_input


mlflow.set_tracking_uri(f"file://{sys.argv[1]}")
mlflow.set_experiment("credit")
with mlflow.start_run(run_name="nightly") as parent:
    mlflow.log_param("stage", "all")
    with mlflow.start_run(run_name="train", nested=True) as run:
        mlflow.log_params({"C": 0.3, "random_state": 7})
        mlflow.log_metric("valid/auc", 0.7, step=0, timestamp=1_700_000_000_000)
        mlflow.log_metric("valid/auc", 0.75, step=1, timestamp=1_700_000_001_000)
        mlflow.log_metric("loss", float("nan"))
        mlflow.set_tag("mlflow.source.git.commit", "a" * 40)
        data = MetaDataset(source=HTTPDatasetSource("http://example.org/a.csv"), name="applicants")
        mlflow.log_input(data, context="training")
        mlflow.pyfunc.log_model(
            name="model", python_model=Constant(), registered_model_name="loans", pip_requirements=[]
        )
registry = mlflow.MlflowClient()
registry.update_model_version("loans", "1", "Trained on 2024.")
registry.set_registered_model_alias("loans", "champion", "1")
registry.set_model_version_tag("loans", "1", "validated", "yes")
sys.stdout.write(f"{parent.info.run_id} {run.info.run_id}\n")
