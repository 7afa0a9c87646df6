"""Train two models in the environment that this runs in, and write down what a log would record of them.

Knows nothing of audit_lab: what is recorded is what the environment itself says.
"""

from __future__ import annotations

import json
import platform
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import skops.io
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

folder = Path(sys.argv[1])
table = pd.read_json(folder / "inputs.json", dtype={"income": float, "city": object, "years": int})
labels = (table["income"] + 150 * table["years"] < 5_000).astype(int).map({1: "bad", 0: "good"})

steps = [("numbers", StandardScaler(), ["income", "years"]), ("cities", OneHotEncoder(), ["city"])]
pipeline = Pipeline([("columns", ColumnTransformer(steps)), ("model", LogisticRegression())]).fit(table, labels)
skops.io.dump(pipeline, folder / "pipeline.skops")
place = list(pipeline.classes_).index("bad")

cities = ["Bern", "Oslo", "Rome"]
matrix = np.column_stack([table["income"], table["city"].map(cities.index), table["years"]]).astype(np.float32)
data = xgboost.DMatrix(matrix, label=(labels == "bad").astype(int), feature_names=["income", "city", "years"])
booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "seed": 1}, data, num_boost_round=20)
booster.save_model(folder / "booster.json")

scores = {
    "skops": [float(score).hex() for score in pipeline.predict_proba(table)[:, place]],
    "xgboost-json": [float(score).hex() for score in booster.predict(data)],
}
packages = {each.metadata["Name"]: each.version for each in metadata.distributions()}
runtime = {"python": platform.python_version(), "packages": packages}
(folder / "trained.json").write_text(json.dumps({"scores": scores, "runtime": runtime}))
