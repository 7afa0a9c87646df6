"""ONNX: a graph run by onnxruntime on the processor, one input for each feature or one for all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.replay.models.columns import category_codes, count_unseen, matrix, numeric
from audit_lab.replay.models.features import check_count, check_names, differ
from audit_lab.replay.models.libraries import import_library, threads, unreadable
from audit_lab.replay.models.onnx_wire import OnnxFacts, read_facts
from audit_lab.replay.models.scorer import ModelFault, Scorer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from audit_lab.replay.signature import Feature, Signature

__all__ = ["OnnxScorer", "load_onnx"]

_DTYPES: dict[str, type[np.generic]] = {
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}
_FLOATING = ("tensor(float16)", "tensor(float)", "tensor(double)")
_LABELS = ("tensor(string)", "tensor(int64)", "tensor(int32)", "tensor(bool)")
_MAPS = re.compile(r"seq\(map\((string|int64),tensor\(float\)\)\)")
#: Operators that onnxruntime itself brings along.
_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
_SCORE_NAMES = ("probabilities", "output_probability", "probability", "scores", "score")


class OnnxScorer(Scorer):
    """A session of onnxruntime; `facts` is what its file says of itself."""

    noun = "ONNX model"

    def __init__(self, native: Any, signature: Signature, facts: OnnxFacts) -> None:
        super().__init__(native, signature)
        self._inputs = native.get_inputs()
        self._outputs = native.get_outputs()
        self._labels_known = next(iter(facts.class_labels)) if len(facts.class_labels) == 1 else ()
        self._by_column = {entry.name for entry in self._inputs} == set(signature.names)
        self._one_by_one = any(entry.shape and entry.shape[0] == 1 for entry in self._inputs)

    def classes(self) -> tuple[str, ...]:
        """Return the classes that the graph's classifier names; the signature's where it names none."""
        known = self._labels_known or self.signature.output.classes or ("0", "1")
        return self._agreed(known, coded=tuple(known) == tuple(str(place) for place in range(len(known))))

    def check_inputs(self) -> None:
        """Compare the graph's inputs with the signature.

        Raises
        ------
        ModelFault
            Code ``features-differ``.
        """
        unknown = [entry.name for entry in self._inputs if entry.type not in _DTYPES]
        if unknown:
            raise differ(self, f"its input {unknown[0]} is no tensor of numbers or text")
        if self._by_column:
            features = {feature.name: feature for feature in self.signature.features}
            for entry in self._inputs:
                feature = features[entry.name]
                is_text = entry.type == "tensor(string)"
                if is_text != (feature.dtype == "str") and (is_text or feature.categories is None):
                    raise differ(self, f"it takes {entry.name} as {entry.type}, the signature has {feature.dtype}")
            return
        if len(self._inputs) != 1:
            check_names(self, [entry.name for entry in self._inputs], in_order=False)
        (entry,) = self._inputs
        *_, width = entry.shape
        texts = [feature for feature in self.signature.features if feature.dtype == "str"]
        if entry.type == "tensor(string)" and len(texts) != len(self.signature.features):
            raise differ(self, "it takes one tensor of text, and not all features are text")
        if entry.type != "tensor(string)" and any(feature.categories is None for feature in texts):
            raise differ(self, f"it takes numbers, and the signature lists no categories of {texts[0].name}")
        check_count(self, width if isinstance(width, int) else None)

    def _feed(self, frame: pl.DataFrame) -> dict[str, npt.NDArray[Any]]:
        if not self._by_column:
            (entry,) = self._inputs
            return {entry.name: self._tensor(frame, entry)}
        count_unseen(self, frame)
        features = {feature.name: feature for feature in self.signature.features}
        feed = {}
        for entry in self._inputs:
            column = self._column(features[entry.name], frame[entry.name], entry.type)
            feed[entry.name] = column.reshape(-1, *(1 for _ in entry.shape[1:]))
        return feed

    def _tensor(self, frame: pl.DataFrame, entry: Any) -> npt.NDArray[Any]:
        """Return all features as one tensor of the graph's type."""
        if entry.type in ("tensor(float)", "tensor(double)"):
            return np.ascontiguousarray(matrix(self, frame, _DTYPES[entry.type]))  # type: ignore[arg-type]
        columns = [self._column(feature, frame[feature.name], entry.type) for feature in self.signature.features]
        return np.column_stack(columns)

    def _column(self, feature: Feature, values: pl.Series, kind: str) -> npt.NDArray[Any]:
        if kind == "tensor(string)":
            return values.cast(pl.String).to_numpy()
        numbers = category_codes(self, feature, values) if feature.dtype == "str" else values
        nulls = int(np.isnan(numbers).sum()) if isinstance(numbers, np.ndarray) else numbers.null_count()
        if nulls and kind not in _FLOATING:
            raise ModelFault(
                "inputs-refused",
                f"{feature.name} is missing or unknown in {nulls} of {values.len()} rows, and the graph takes {kind}",
            )
        if isinstance(numbers, pl.Series):
            numbers = numbers.to_numpy() if not nulls and kind not in _FLOATING else numeric(numbers)
        return numbers.astype(_DTYPES[kind], copy=False)

    def _run(self, frame: pl.DataFrame, names: list[str]) -> list[Any]:
        feed = self._feed(frame)
        if not self._one_by_one:
            return list(self.native.run(names, feed))
        rows = [
            self.native.run(names, {name: values[row : row + 1] for name, values in feed.items()})
            for row in range(frame.height)
        ]
        return [np.concatenate([np.atleast_1d(row[place]) for row in rows]) for place in range(len(names))]

    def _scores(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        """Return the graph's one output of numbers, shape ``(rows,)`` or ``(rows, classes)``."""
        maps = [entry.name for entry in self._outputs if _MAPS.fullmatch(entry.type)]
        numbers = [entry.name for entry in self._outputs if entry.type in _FLOATING]
        if len(maps) == 1 and not numbers:
            (found,) = self._run(frame, maps)
            keys = list(found[0])
            if self._labels_known and tuple(map(str, keys)) != self._labels_known:
                raise self._fault(f"maps {len(keys)} keys to probabilities that are not its classes")
            return np.array([[row[key] for key in keys] for row in found])
        named = [name for name in numbers if name in _SCORE_NAMES]
        chosen = numbers if len(numbers) == 1 else named
        if len(chosen) == 1 and not maps:
            return np.asarray(self._run(frame, chosen)[0])
        known = self._labels_known
        if known and len(numbers) == len(known) and all(map(str.endswith, numbers, known)):
            return np.column_stack([np.ravel(column) for column in self._run(frame, numbers)])
        listed = ", ".join(f"{entry.name} {entry.type}" for entry in self._outputs)
        raise self._fault(f"does not say which of its outputs is the score: {listed}")

    def _single(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        found = self._scores(frame)
        if found.ndim == 1 or found.shape[1] == 1:
            return found.ravel()
        return found[:, self._positive_place(self.classes())]

    def _probability(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        return self._single(frame)

    def _margin(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        return self._single(frame)

    def _value(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        if self._labels_known or len(self._outputs) != 1:
            raise self._fault("is a classifier")
        found = self._scores(frame)
        return found.ravel() if found.size == frame.height else found

    def _probabilities(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        return self._scores(frame)

    def _labels(self, frame: pl.DataFrame) -> Sequence[str | None]:
        names = [entry.name for entry in self._outputs if entry.type in _LABELS]
        if len(names) != 1:
            raise self._fault(f"has {len(names)} outputs of labels")
        found = [str(label) for label in np.ravel(self._run(frame, names)[0]).tolist()]
        known = self._labels_known
        return [dict(zip(known, self.classes(), strict=True)).get(label) for label in found] if known else found


def load_onnx(path: Path, signature: Signature, _trusted: Sequence[str] = ()) -> Scorer:
    """Load a graph whose data and operators are all in the file or in onnxruntime itself.

    Raises
    ------
    ModelFault
        Code ``artifact-not-self-contained``, ``artifact-corrupt`` or ``features-differ``.
    """
    content = path.read_bytes()
    try:
        facts = read_facts(content)
    except ValueError as error:
        raise ModelFault("artifact-corrupt", f"the file is no ONNX model: {error}") from error
    if facts.external_data:
        raise ModelFault(
            "artifact-not-self-contained",
            "the ONNX model keeps data in other files, which its digest says nothing of; save it as one file",
        )
    foreign = sorted(f"{domain}.{name}" for domain, name in facts.operators - facts.functions if domain not in _DOMAINS)
    if foreign:
        raise ModelFault(
            "artifact-not-self-contained",
            f"the ONNX model needs operators of a library of its own, which is never loaded: {', '.join(foreign[:5])}",
        )
    runtime = import_library("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise unreadable("onnxruntime", error) from error
    scorer = OnnxScorer(session, signature, facts)
    scorer.check_inputs()
    return scorer
