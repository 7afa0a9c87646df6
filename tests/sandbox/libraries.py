"""A tiny model of each library, trained and asked with several threads; copied into the package that the child sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np

ROWS = 400


def _data():
    generator = np.random.default_rng(1)
    matrix = generator.normal(size=(ROWS, 5))
    return matrix, (matrix[:, 0] + matrix[:, 1] > 0).astype(int)


def _right(labels):
    return int((np.asarray(labels).astype(int) == _data()[1]).sum())


def xgboost():
    import xgboost

    matrix, labels = _data()
    data = xgboost.DMatrix(matrix, label=labels)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 2}, data, num_boost_round=10)
    return _right(booster.predict(data) > 0.5)


def lightgbm():
    import lightgbm

    matrix, labels = _data()
    settings = {"objective": "binary", "num_threads": 2, "verbose": -1}
    booster = lightgbm.train(settings, lightgbm.Dataset(matrix, label=labels), num_boost_round=10)
    return _right(booster.predict(matrix) > 0.5)


def sklearn():
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    matrix, labels = _data()
    models = (RandomForestClassifier(10, n_jobs=2), HistGradientBoostingClassifier(max_iter=10), LogisticRegression())
    return min(_right(model.fit(matrix, labels).predict(matrix)) for model in models)


def catboost():
    import catboost

    matrix, labels = _data()
    settings = {"iterations": 20, "thread_count": 2, "allow_writing_files": False}
    return _right(catboost.CatBoostClassifier(**settings).fit(matrix, labels, verbose=False).predict(matrix))


def onnxruntime():
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(
        Path(__file__).with_name("sign.onnx"), options, providers=["CPUExecutionProvider"]
    )
    matrix, _ = _data()
    (total,) = session.run(None, {"x": (matrix[:, :1] + matrix[:, 1:2]).astype(np.float32)})
    return _right(total[:, 0] > 0)


def polars():
    import polars as pl

    matrix, _ = _data()
    frame = pl.DataFrame(matrix, schema=["a", "b", "c", "d", "e"]).with_row_index()
    sums = frame.lazy().group_by("index").agg(pl.col("a").sum() + pl.col("b").sum()).sort("index").collect()
    return _right(sums["a"].to_numpy() > 0)
