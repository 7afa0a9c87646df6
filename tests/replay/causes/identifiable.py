"""Models that look at every feature, so that what went wrong shows in what they answer.

Every feature has a part in what is learned, at every value; so has it that a number is zero or missing, and every
category has another one than the rest. Scores lie far from nought and one. A fault that such a model's answers do not
show would be the fault of the search.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from audit_lab.replay.scoring import load_model
from audit_lab.replay.signature import Signature

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
import trained as library

__all__ = ["CLASSES", "FORMATS", "KINDS", "PIPELINES", "TRUSTED", "IdentifiableModel"]

FORMATS, KINDS, TRUSTED = library.FORMATS, library.KINDS, library.UNSAFE
PIPELINES = ("skops", "mlflow", *TRUSTED)
CLASSES = ("high", "low", "mid")

TRAINED_ON = 1500
ROUNDS = 60
#: In the place of a missing number, where a tree is to tell it from all others.
_NOTHING = 1e6

_FLOATS = ("amount", "ratio", "balance", "distance", "weight", "level")
_INTEGERS = ("months", "children", "visits")
_PLACES = ("north west", "far south", "old town east", "harbour", "new mills", "upper end")
_WAYS = ("app", "phone call", "web", "at a branch", "by letter")


class IdentifiableModel:
    """A model of one format and kind, another of the same signature, and whatever a seed decides of both.

    Parameters
    ----------
    artifact_format, kind
        Of `FORMATS` and `KINDS`.
    seed
        Decides features, their names, order and categories, data and model. A pipeline of an odd one sums numbers up
        and does nothing else; one of an even one, and of classes, leaps at the edges of bins besides.
    spelling
        In which case categories are spelt, and what stands between their words; None: as the seed decides.
    """

    def __init__(self, artifact_format: str, kind: str, seed: int, spelling: tuple[str, str] | None = None) -> None:
        self.artifact_format, self.kind, self.seed = artifact_format, kind, seed
        self.generator = np.random.default_rng([seed, FORMATS.index(artifact_format), KINDS.index(kind)])
        self.takes_missing_text = artifact_format not in ("catboost-cbm", "onnx")
        #: Whether the model sums numbers up alone, with no value at which its answer leaps.
        self.is_smooth = artifact_format in PIPELINES and kind not in ("label", "multiclass") and bool(seed % 2)
        self.spelling = spelling
        self.features, self._drawn = self._drawn_features()
        self.inputs = self.rows(TRAINED_ON)
        output: dict[str, Any] = {"kind": kind}
        if self.has_threshold:
            output |= {"positive": "bad", "negative": "good"}
        if kind in ("label", "multiclass"):
            output["classes"] = list(CLASSES)
        self.signature: dict[str, Any] = {"features": self.features, "output": output}
        self.trusted_types: tuple[str, ...] = ()
        self._scorers: dict[tuple[int, str], Any] = {}
        #: Feature to the values at which the model's answer leaps.
        self.edges: dict[str, list[float]] = {name: [] for name in self.numbers("float")}
        self.artifact, self._asking = self._trained(self._target())
        kept = dict(self.edges)
        self.other, self._asking_other = self._trained(self._target())
        self.edges = kept
        #: Thresholds of versions 1 to 3, of a deployment, one that predictions state, and one that nobody wrote down.
        self.thresholds: dict[str, float] = {}
        if self.has_threshold:
            scores = self.asked(self.inputs[:600])["score"].to_numpy()
            shares = {"1": 0.5, "2": 0.65, "3": 0.42, "deployed": 0.3, "stated": 0.72, "inferred": 0.36}
            self.thresholds = {name: float(f"{np.quantile(scores, share):.4g}") for name, share in shares.items()}

    def labels(self, outputs: pl.DataFrame, threshold: float | None = None) -> list[str]:
        """Return the labels that follow from answers; by the registered threshold where no other is given."""
        if not self.has_threshold:
            return list(outputs["label"])
        bound = self.thresholds["1"] if threshold is None else threshold
        return ["bad" if score >= bound else "good" for score in outputs["score"]]

    @property
    def has_threshold(self) -> bool:
        """Whether a threshold makes labels of its scores."""
        return self.kind not in ("label", "multiclass")

    @property
    def trust(self) -> tuple[str, ...]:
        """Return what must be named for both versions to run."""
        if self.artifact_format not in TRUSTED:
            return ()
        return tuple(f"sha256:{hashlib.sha256(content).hexdigest()}" for content in (self.artifact, self.other))

    def numbers(self, *dtypes: str) -> list[str]:
        """Return the names of features of some dtypes."""
        return [feature["name"] for feature in self.features if feature["dtype"] in dtypes]

    def categories(self, name: str) -> list[str]:
        """Return the categories of a feature, in the order of the signature."""
        return next(list(feature["categories"]) for feature in self.features if feature["name"] == name)

    def shuffled(self, values: list[Any]) -> list[Any]:
        """Return values in an order that the seed decides."""
        return [values[place] for place in self.generator.permutation(len(values))]

    def rows(self, count: int) -> pl.DataFrame:
        """Return further inputs of the kind that the model was trained on."""
        return pl.DataFrame({feature["name"]: self._drawn[feature["name"]](count) for feature in self.features})

    def asked(self, *inputs: pl.DataFrame, version: int = 1, coded: dict[str, list[str]] | None = None) -> Any:
        """Return what a version answers to each of some frames; tests/replay/models shows that its library says so.

        Parameters
        ----------
        inputs
            Frames of the model's features.
        version
            1, or 2 for the other one.
        coded
            Feature to categories by whose order it is read, where that is another one than the signature's.
        """
        stacked = pl.concat(inputs, how="vertical_relaxed")
        features = []
        for each in self.features:
            broken = each["dtype"] == "int" and stacked[each["name"]].dtype == pl.Float64
            changed = {"dtype": "float"} if broken else {}
            if coded is not None and each["name"] in coded:
                changed["categories"] = coded[each["name"]]
            features.append({**each, **changed})
        given, first, found = self._scorer(version, features).outputs(stacked), 0, []
        nothing = [None] * stacked.height
        lists = None if given.probabilities is None else given.probabilities.tolist()
        outputs = pl.DataFrame(
            {
                "score": pl.Series(nothing if given.scores is None else given.scores, dtype=pl.Float64),
                "label": pl.Series(nothing if given.labels is None else given.labels, dtype=pl.String),
                "probabilities": pl.Series(lists or nothing, dtype=pl.List(pl.Float64)),
            }
        )
        for each in inputs:
            found.append(outputs[first : first + each.height])
            first += each.height
        return found[0] if len(found) == 1 else found

    def _scorer(self, version: int, features: list[dict[str, Any]]) -> Any:
        """Return a version as it is read by a signature; trained here, it needs no sandbox."""
        text = json.dumps({**self.signature, "features": features})
        if (version, text) not in self._scorers:
            content, read_as = self._asking if version == 1 else self._asking_other
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model"
                path.write_bytes(content)
                self._scorers[version, text] = load_model(path, read_as, Signature.parse(text), self.trusted_types)
        return self._scorers[version, text]

    def _drawn_features(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        generator = self.generator
        draws: dict[str, Any] = {}
        features: list[dict[str, Any]] = []
        floats = generator.choice(_FLOATS, generator.integers(3, 5), replace=False).tolist()
        for place, name in enumerate(floats):
            scale, signed = float(np.exp(generator.uniform(1, 5))), place == 1
            draws[name] = lambda count, scale=scale, signed=signed: self._floats(count, scale, signed=signed)
            features.append({"name": name, "dtype": "float", "unit": "EUR"})
        for name in generator.choice(_INTEGERS, generator.integers(1, 3), replace=False).tolist():
            draws[name] = lambda count: pl.Series(self.generator.integers(0, 40, count))
            features.append({"name": name, "dtype": "int"})
        drawn = (("lower", "upper", "title")[generator.integers(3)], " _"[generator.integers(2)])
        self.spelling = self.spelling or drawn
        case, separator = getattr(str, self.spelling[0]), self.spelling[1]
        for name, words, count in (("region", _PLACES, 5), ("channel", _WAYS, 4)):
            known = [case(word).replace(" ", separator) for word in generator.choice(words, count, replace=False)]
            gaps = 0.1 if name == "region" and self.takes_missing_text else 0.0
            draws[name] = lambda count, known=known, gaps=gaps: self._texts(count, known, gaps)
            features.append({"name": name, "dtype": "str", "categories": known})
        draws["returning"] = lambda count: pl.Series(self.generator.random(count) < 0.4)
        features.append({"name": "returning", "dtype": "bool"})
        return self.shuffled(features), draws

    def _floats(self, count: int, scale: float, *, signed: bool) -> pl.Series:
        spread = self.generator.normal(0.5, 1.0, count) if signed else self.generator.gamma(2.0, 0.7, count)
        values = np.where(self.generator.random(count) < 0.08, 0.0, (spread * scale).round(3))
        return pl.Series(values).set(pl.Series(self.generator.random(count) < 0.18), None)

    def _texts(self, count: int, known: list[str], gaps: float) -> pl.Series:
        values = pl.Series(self.generator.choice(known, count).tolist(), dtype=pl.String)
        return values.set(pl.Series(self.generator.random(count) < gaps), None)

    def _target(self) -> np.ndarray:
        """Return what is to be learned: 0 or 1, a class's place, or a number."""
        generator, parts = self.generator, []
        for feature in self.features:
            values = self.inputs[feature["name"]]
            strength = generator.uniform(0.7, 1.0) * generator.choice([-1, 1])
            if feature["dtype"] == "str":
                known = [*self.categories(feature["name"]), None]
                parts_of = dict(zip(known, generator.permutation(np.linspace(-1.2, 1.2, len(known))), strict=True))
                parts.append(np.array([parts_of[value] for value in values.to_list()]))
                continue
            numbers = values.cast(pl.Float64)
            standard = ((numbers - numbers.mean()) / numbers.std()).fill_null(0.0).to_numpy()
            part = strength * standard
            if feature["dtype"] == "float":
                part = np.where((numbers == 0).fill_null(value=False).to_numpy(), part + 1.3 * strength, part)
                part = np.where(numbers.is_null().to_numpy(), 1.5 * strength, part)
            parts.append(part)
        signal = np.sum(parts, axis=0) + 0.3 * parts[0] * parts[1]
        signal = 1.3 * (signal - signal.mean()) / signal.std()
        if self.kind == "regression":
            return signal * 10 + 50 + generator.normal(size=signal.size)
        if self.kind in ("label", "multiclass"):
            return np.digitize(signal + generator.normal(0, 0.4, signal.size), [-0.6, 0.6])
        return (generator.random(signal.size) < 1 / (1 + np.exp(-signal))).astype(int)

    def _named(self, target: np.ndarray) -> np.ndarray:
        if self.kind in ("label", "multiclass"):
            return np.array(CLASSES)[target]
        return np.where(target == 1, "bad", "good") if self.kind != "regression" else target

    def _trained(self, target: np.ndarray) -> tuple[Any, tuple[bytes, str]]:
        """Return the artifact, and bytes and format to ask it by."""
        if self.artifact_format in PIPELINES:
            return self._pipeline(target)
        train = {"lightgbm-text": self._lightgbm, "catboost-cbm": self._catboost, "onnx": self._onnx}
        content = train.get(self.artifact_format, self._xgboost)(target)
        return content, (content, self.artifact_format)

    def _pipeline(self, target: np.ndarray) -> tuple[Any, tuple[bytes, str]]:
        import skops.io
        from sklearn.compose import make_column_transformer
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.pipeline import make_pipeline, make_union
        from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, StandardScaler

        floats = self.numbers("float")
        bins = KBinsDiscretizer(12, encode="onehot-dense", strategy="uniform")
        scaled = StandardScaler() if self.is_smooth else make_union(StandardScaler(), bins)
        transformer = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), self.numbers("str")),
            (make_pipeline(SimpleImputer(strategy="median"), scaled), floats),
            (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), self.numbers("int")),
            (StandardScaler(), ["returning"]),
        )
        last = Ridge() if self.kind == "regression" else LogisticRegression(max_iter=2000)
        pipeline = make_pipeline(transformer, last).fit(self.inputs.to_pandas(), self._named(target))
        if not self.is_smooth:
            fitted = pipeline[0].transformers_[1][1][-1].transformer_list[1][1]
            self.edges = {name: edges[1:-1].tolist() for name, edges in zip(floats, fitted.bin_edges_, strict=True)}
        dumped = skops.io.dumps(pipeline)
        self.trusted_types = tuple(skops.io.get_untrusted_types(data=dumped))
        return self._saved(pipeline, dumped), (dumped, "skops")

    def _saved(self, pipeline: Any, dumped: bytes) -> Any:
        if self.artifact_format == "skops":
            return dumped
        if self.artifact_format == "mlflow":
            options = {"serialization_format": "skops", "skops_trusted_types": list(self.trusted_types)}
            return library.mlflow_folder("sklearn", pipeline, self.features, **options)
        if self.artifact_format == "joblib":
            import joblib

            buffer = io.BytesIO()
            joblib.dump(pipeline, buffer, compress=3)
            return buffer.getvalue()
        if self.artifact_format == "cloudpickle":
            import cloudpickle

            return cloudpickle.dumps(pipeline)
        return pickle.dumps(pipeline)

    def _xgboost(self, target: np.ndarray) -> bytes:
        import xgboost

        frames = self.artifact_format == "xgboost-json"  # which then keeps the categories
        known = {"feature_names": self.inputs.columns} if self.artifact_format == "xgboost-ubj" else {}
        if frames:
            frame = library._categorical(self.inputs, self.features)
            data = xgboost.DMatrix(frame, label=target, enable_categorical=True)
        else:
            data = xgboost.DMatrix(library._positions(self.inputs, self.features), label=target, **known)
        objective = library._XGBOOST_OBJECTIVES[self.kind]
        parameters = {**objective, "max_depth": 4, "eta": 0.2, "nthread": 2, "seed": self.seed}
        booster = xgboost.train(parameters, data, num_boost_round=ROUNDS)
        document = json.loads(bytes(booster.save_raw("json")))
        for tree in document["learner"]["gradient_booster"]["model"]["trees"]:
            for place, left in enumerate(tree["left_children"]):
                name = self.inputs.columns[tree["split_indices"][place]]
                if left >= 0 and name in self.edges:
                    self.edges[name].append(float(np.float32(tree["split_conditions"][place])))
        if self.artifact_format == "xgboost-raw":  # what a pickle of the booster holds
            return bytes(booster.__getstate__()["handle"])
        return bytes(booster.save_raw(self.artifact_format.removeprefix("xgboost-")))

    def _lightgbm(self, target: np.ndarray) -> bytes:
        import lightgbm

        objective = {"regression": {"objective": "regression"}}.get(
            self.kind, {"objective": "multiclass", "num_class": 3}
        )
        objective = {"objective": "binary"} if self.kind in ("probability", "margin") else objective
        parameters = {**objective, "num_leaves": 12, "seed": self.seed, "verbose": -1, "num_threads": 2}
        parameters |= {"zero_as_missing": False, "min_data_per_group": 10, "cat_smooth": 2.0}
        data = lightgbm.Dataset(library._categorical(self.inputs, self.features), label=target)
        booster = lightgbm.train(parameters, data, num_boost_round=ROUNDS)
        splits = booster.trees_to_dataframe()
        for name in self.edges:
            self.edges[name] = [float(each) for each in splits["threshold"][splits["split_feature"] == name]]
        return booster.model_to_string().encode()

    def _catboost(self, target: np.ndarray) -> bytes:
        import catboost

        settings = {"iterations": ROUNDS, "depth": 5, "learning_rate": 0.2, "random_seed": self.seed, "verbose": False}
        settings["one_hot_max_size"] = 10  # else it counts outcomes of categories, and takes some for one another
        factory = catboost.CatBoostRegressor if self.kind == "regression" else catboost.CatBoostClassifier
        model = factory(cat_features=self.numbers("str"), thread_count=2, allow_writing_files=False, **settings)
        model.fit(self.inputs.to_pandas(), self._named(target))
        for place, borders in model.get_borders().items():
            if self.inputs.columns[place] in self.edges:
                self.edges[self.inputs.columns[place]] = [float(np.float32(border)) for border in borders]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.cbm"
            model.save_model(str(path))
            return path.read_bytes()

    def _onnx(self, target: np.ndarray) -> bytes:
        """Trees: the margin is what a regression onto the two sides gives, as skl2onnx converts no raw sum of them."""
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import BooleanTensorType, FloatTensorType, Int64TensorType, StringTensorType
        from sklearn.compose import make_column_transformer
        from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder

        floats, texts = self.numbers("float"), self.numbers("str")
        transformer = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
            (SimpleImputer(strategy="constant", fill_value=_NOTHING), floats),
            ("passthrough", self.numbers("int", "bool")),
        )
        by_number = self.kind in ("margin", "regression")
        factory = GradientBoostingRegressor if by_number else GradientBoostingClassifier
        last = factory(n_estimators=ROUNDS, max_depth=4, learning_rate=0.2, random_state=self.seed)
        learned = target * 4.0 - 2.0 if self.kind == "margin" else self._named(target)
        pipeline = make_pipeline(transformer, last).fit(self.inputs.to_pandas(), learned)
        first = sum(len(self.categories(name)) for name in texts)
        for tree in last.estimators_.ravel():
            for place, threshold in zip(tree.tree_.feature, tree.tree_.threshold, strict=True):
                if first <= place < first + len(floats):
                    self.edges[floats[place - first]].append(float(np.float32(threshold)))
        types = {"float": FloatTensorType, "int": Int64TensorType, "str": StringTensorType, "bool": BooleanTensorType}
        graph = convert_sklearn(
            pipeline,
            initial_types=[(each["name"], types[each["dtype"]]([None, 1])) for each in self.features],
            options=None if by_number else {id(pipeline): {"zipmap": False}},
        )
        return bytes(graph.SerializeToString())
