"""Make the golden boosters of one release of XGBoost: run in an environment of that release, with the folder.

Made with 0.90, 1.2.1, 1.7.6 (xgboost) and 2.1.4 (xgboost-cpu) on Python 3.11 with NumPy 1.26 and scikit-learn 1.3; of
the last one only the pickles are kept, since its binary form is that of 1.7.6. Each ``<release>.json`` holds the inputs
and, as hexadecimal floats, what that release itself predicted (on data of its own: training data keeps predictions).
"""

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import xgboost as xgb

FOLDER, RELEASE = Path(sys.argv[1]), xgb.__version__
ASKS_FOR_FORM = RELEASE.startswith(("1.7", "2."))
SETTINGS = (
    ("binary:logistic", {}),
    ("multi:softprob", {"num_class": 3}),
    ("reg:squarederror", {}),
    ("count:poisson", {}),
    ("reg:tweedie", {}),
    ("binary:logistic", {"booster": "dart", "rate_drop": 0.3, "nthread": 1}),
    ("binary:logistic", {"booster": "gblinear", "updater": "coord_descent", "nthread": 1}),
)
scores = {}


def keep(name, content, found):
    (FOLDER / f"{RELEASE}-{name}").write_bytes(bytes(content))
    scores[name] = [float(score).hex() for score in np.ravel(found)]


generator = np.random.default_rng(5)
inputs = generator.normal(size=(60, 3)).round(2)
inputs[generator.random((60, 3)) < 0.1] = np.nan
signal = np.nan_to_num(inputs[:, 0]) + 0.3 * generator.normal(size=60)
targets = {
    "binary:logistic": (signal > 0).astype(int),
    "multi:softprob": np.digitize(signal, [-0.5, 0.5]),
    "reg:squarederror": signal,
    "count:poisson": np.exp(signal).astype(int),
    "reg:tweedie": np.exp(signal),
}
for objective, more in SETTINGS:
    kind = more.get("booster", "gbtree")
    matrix = np.nan_to_num(inputs) if kind == "gblinear" else inputs
    data = xgb.DMatrix(matrix, label=targets[objective], feature_names=["a", "b", "c"])
    booster = xgb.train({"objective": objective, "max_depth": 2, **more}, data, 3)
    fresh = xgb.DMatrix(matrix, feature_names=["a", "b", "c"])
    raw = booster.save_raw("deprecated") if ASKS_FOR_FORM else booster.save_raw()
    keep(f"{kind}-{objective.replace(':', '-')}.raw", raw, booster.predict(fresh))
    if not more and objective == "binary:logistic":
        keep("booster.pickle", pickle.dumps(booster, protocol=2), booster.predict(fresh))
settings = {"n_estimators": 20, "max_depth": 2, "missing": -1.0}
stopping = {"early_stopping_rounds": 2, "eval_metric": "logloss"}
filled, target = np.where(np.isnan(inputs), -1.0, inputs), targets["binary:logistic"]
wrapper = xgb.XGBClassifier(**settings, **(stopping if ASKS_FOR_FORM else {}))
wrapper.fit(
    filled[:40],
    target[:40],
    eval_set=[(filled[40:], target[40:])],
    verbose=False,
    **({} if ASKS_FOR_FORM else stopping),
)
keep("wrapper.pickle", pickle.dumps(wrapper, protocol=4), wrapper.predict_proba(filled)[:, 1])
rows = [[None if np.isnan(value) else value for value in row] for row in inputs.tolist()]
(FOLDER / f"{RELEASE}.json").write_text(json.dumps({"inputs": rows, "scores": scores}))
