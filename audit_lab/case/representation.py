"""What a case keeps of a thing: plain files, by what the thing can say of itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.case.frame_files import csv_bytes, parquet_bytes, rows_frame
from audit_lab.case.inert_svg import inert_svg
from audit_lab.case.log_report import LOG_REPORT, LOG_REPORT_KIND, log_report
from audit_lab.case.plain_json import plain_json
from audit_lab.errors import MisuseError
from audit_lab.log.files.reading import collect
from audit_lab.log.schema import table_schema
from audit_lab.seal.digests import format_manifest, sha256
from audit_lab.seal.report import Verification
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["ROWS_PREFIX", "SHOWN", "Representation", "represent"]

#: Files whose name begins so are rows of the log, not renderings of the thing.
ROWS_PREFIX = "rows/"
#: The page of a view as it was seen.
SHOWN = "shown.html"
#: Files of what a view shows beside its subject.
_BESIDE = "beside/"
#: What such a page may do: show its own pictures.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

#: What a log answers in several frames: the kind of exhibit, and which frames are kept.
_ANSWERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Agreement": ("agreement", ()),
    "Alerts": ("alerts", ("table", "windows")),
    "BatchReplay": ("batch-replay", ("rows", "groups")),
    "CohortAttribution": ("cohort", ("importance", "points")),
    "Comparable": ("comparable", ("cases", "differences")),
    "Contrast": ("contrast", ("table",)),
    "Coverage": ("coverage", ("table", "weeks", "reasons", "sequence_gaps")),
    "Decisions": ("decisions", ("frame", "gaps", "findings")),
    "Exploration": ("exploration", ("table",)),
    "Impact": ("impact", ("affected", "by_group", "by_subject", "directions", "not_decided")),
    "Cause": ("cause", ()),
    "Fairness": ("fairness", ("table", "comparisons")),
    "LineageGraph": ("lineage", ()),
    "Onsets": ("onset", ()),
    "Performance": ("performance", ("table", "windows")),
    "WhatIf": ("what-if", ("sides", "rows")),
}
#: Frames that have as many rows as the log has predictions: Parquet alone, which CSV would be many times the size of.
_LONG = frozenset({("BatchReplay", "rows")})
#: How many rows an answer speaks of, where it counts them.
_COUNTED: dict[str, Callable[[Any], int]] = {
    "Agreement": lambda _: 1,
    "Alerts": lambda found: found.table.height,
    "BatchReplay": lambda found: found.predictions,
    "CohortAttribution": lambda found: found.explained,
    "Comparable": lambda found: found.searched,
    "Coverage": lambda found: found.predictions,
    "Decisions": lambda found: found.frame.height,
    "Exploration": lambda found: found.table.height,
    "Fairness": lambda found: found.rows,
    "Impact": lambda found: found.counts.predictions,
    "Onsets": lambda found: found.rows,
    "Performance": lambda found: found.windows["rows"].sum(),
    "WhatIf": lambda _: 1,
}
#: So many predictions of a table are kept, the first in its order; its question stands beside them.
_MOST_PREDICTIONS = 1000


@dataclass(frozen=True)
class Representation:
    """A thing as files: `kind` of the thing, `files` by name, and the model versions that it speaks of.

    `rows` is how many rows it speaks of, where it says so, and `method` how it was computed.
    """

    kind: str
    files: Mapping[str, bytes]
    models: tuple[Mapping[str, str], ...] = field(default=())
    rows: int | None = None
    method: str = ""

    @property
    def digest(self) -> str:
        """The id of the exhibit: SHA-256 of the manifest of its files."""
        return sha256(format_manifest({name: sha256(content) for name, content in self.files.items()}))


def represent(  # noqa: C901, PLR0911, PLR0912 - one return for each kind of thing
    thing: Any, log_origin: str = ""
) -> Representation:
    """Return the files that a case keeps of a thing.

    Parameters
    ----------
    thing
        A polars frame (Parquet and CSV), an altair chart (SVG, specification and data), or what a log gave: a
        decision, a replay, an attribution, counterfactuals, a dossier, a verification (canonical JSON), a drift (its
        table), or an answer in several frames (`_ANSWERS`: Parquet and CSV, and the answer's document and sentences),
        or a view of one of these (its files, and the page as it was seen).
    log_origin
        The name of the case's log; a verification must be about it.

    Raises
    ------
    MisuseError
        It is none of these, or cannot be kept as it is.
    """
    if _has(thing, "static_html", "subject", "beside"):
        return _view(thing, log_origin)
    if isinstance(thing, pl.LazyFrame):
        thing = collect(thing, "The frame to keep")
    if isinstance(thing, pl.DataFrame):
        return Representation("table", _table(thing), rows=thing.height)
    if isinstance(thing, Verification):
        return Representation(LOG_REPORT_KIND, {LOG_REPORT: _json(log_report(thing, log_origin))})
    if _has(thing, "to_dict", "prediction_id", "prediction", "inputs"):
        return _decision(thing)
    if _has(thing, "to_json", "contributions"):
        return _attribution(thing)
    if _has(thing, "to_dict", "verdict"):
        return Representation("replay", {"replay.json": _json(thing.to_dict())}, rows=1, method="replay")
    if (about_one := _about_one(thing)) is not None:
        return about_one
    if _has(thing, "payload") and (hasattr(thing, "window_start") or getattr(thing, "kind", "") == "alert"):
        return _alert(thing)
    if (named := _answer_name(thing)) is not None:
        return _answer(thing, named)
    if _has(thing, "page", "question", "sorted_by"):
        return _predictions(thing)
    if isinstance(getattr(thing, "table", None), pl.DataFrame):
        counted = thing.volume["rows"].sum() if _has(thing, "volume") else None
        return Representation("drift", _drift(thing), rows=counted, method="drift")
    if _has(thing, "to_dict", "mark_bar") or type(thing).__module__.startswith("altair."):
        return _chart(thing)
    raise MisuseError(
        f"A case cannot keep a {type(thing).__name__}",
        "Keep a polars frame, an altair chart, or what a log answered: a decision, a replay, a drift, an impact ...",
    )


def _has(thing: Any, *names: str) -> bool:
    return not isinstance(thing, type) and all(hasattr(thing, name) for name in names)


def _json(value: Any) -> bytes:
    return canonical_json(plain_json(value)) + b"\n"


def _table(frame: pl.DataFrame) -> dict[str, bytes]:
    return {"table.parquet": parquet_bytes(frame), "table.csv": csv_bytes(frame)}


def _decision(decision: Any) -> Representation:
    files = {
        "decision.json": _json(decision.to_dict()),
        f"{ROWS_PREFIX}predictions.parquet": parquet_bytes(
            rows_frame([decision.prediction], table_schema("predictions"))
        ),
    }
    if decision.inputs:
        files[f"{ROWS_PREFIX}inputs.parquet"] = parquet_bytes(rows_frame([decision.inputs]))
    version = getattr(decision, "model_version", None) or {}
    known = ("model_name", "model_version", "artifact_sha256", "artifact_format")
    model = {name: str(version[name]) for name in known if version.get(name) is not None}
    return Representation("decision", files, (model,) if model else (), rows=1, method="reconstruction")


def _about_one(thing: Any) -> Representation | None:
    """Return the counterfactuals of a decision, or its dossier; None for what is neither.

    When a dossier was made is left out: the same content is the same exhibit.
    """
    if _has(thing, "canonical", "constraints", "tried", "found"):
        files = {"counterfactuals.json": thing.canonical() + b"\n", "summary.json": _json(list(thing.summary()))}
        kind, digest = "counterfactuals", thing.artifact_sha256
    elif _has(thing, "to_html", "to_pdf", "decided", "standing"):
        content = {name: value for name, value in thing.to_dict().items() if name != "made_at"}
        files = {"dossier.json": _json(content), "summary.json": _json(list(thing.answer))}
        kind, digest = "dossier", thing.source.artifact_sha256
    else:
        return None
    return Representation(kind, files, ({"artifact_sha256": digest},) if digest else (), rows=1, method=kind)


def _alert(alert: Any) -> Representation:
    """Return an alert as it is raised: rule, window, value, versions and their lineage."""
    from audit_lab import __version__

    payload = alert.payload(f"audit_lab {__version__}") if callable(alert.payload) else alert.payload
    return Representation("alert", {"alert.json": _json(payload)}, rows=payload["rows"], method=payload["measure"])


def _attribution(attribution: Any) -> Representation:
    content = attribution.to_json()
    files = {"attribution.json": content.encode() if isinstance(content, str) else bytes(content)}
    if hasattr(attribution, "to_frame"):
        files |= _table(attribution.to_frame())
    digest, method = (getattr(attribution, name, "") for name in ("artifact_sha256", "method"))
    return Representation(
        "attribution", files, ({"artifact_sha256": str(digest)},) if digest else (), rows=1, method=str(method)
    )


def _answer_name(thing: Any) -> str | None:
    """Return the name of the answer that a thing is, or is a kind of: an onset that was asked of a log is an onset."""
    return next((each.__name__ for each in type(thing).__mro__ if each.__name__ in _ANSWERS), None)


def _answer(answer: Any, named: str) -> Representation:
    """Return the frames of an answer, its document, and its sentences."""
    kind, frames = _ANSWERS[named]
    files = {f"{name}.parquet": parquet_bytes(getattr(answer, name)) for name in frames}
    files |= {f"{name}.csv": csv_bytes(getattr(answer, name)) for name in frames if (named, name) not in _LONG}
    files[f"{kind}.json"] = _json(answer.to_dict())
    said = answer.summary if hasattr(answer, "summary") else answer.describe
    summary = said() if callable(said) else [said]
    files["summary.json"] = _json(list(summary))
    if hasattr(answer, "to_prov_json"):
        files["prov.json"] = answer.to_prov_json().encode() + b"\n"
    counted = _COUNTED.get(named)
    return Representation(kind, files, rows=counted and counted(answer), method=kind)


def _view(view: Any, log_origin: str) -> Representation:
    """Return the files of what a view shows, and its page: other choices in the same view are another exhibit."""
    kept = represent(view.subject, log_origin)
    files = dict(kept.files)
    if view.beside is not None:
        files |= {f"{_BESIDE}{name}": content for name, content in represent(view.beside, log_origin).files.items()}
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(view.title())}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"></head>'
        f"<body>{view.static_html()}</body></html>\n"
    )
    return replace(kept, files={**files, SHOWN: page.encode("utf-8", "backslashreplace")})


def _predictions(browse: Any) -> Representation:
    """Return the first predictions of a table in its order, and the question that it answers."""
    rows = browse.page(0, _MOST_PREDICTIONS)
    asked = {**browse.question.to_dict(), "sort": browse.sort, "descending": browse.descending, "rows": browse.rows}
    files = {**_table(rows), "question.json": _json({**asked, "kept": rows.height})}
    return Representation("predictions", files, rows=browse.rows, method="search")


def _drift(drift: Any) -> dict[str, bytes]:
    files = _table(drift.table)
    if hasattr(drift, "summary"):
        files["summary.json"] = _json(list(drift.summary()))
    return files


def _chart(chart: Any) -> Representation:
    """Return a chart as its picture, its Vega-Lite specification and the rows that it draws."""
    import altair as alt

    from audit_lab.charts import svg

    with alt.data_transformers.enable("default", max_rows=None):
        specification = plain_json(chart.to_dict())
        if any(_addresses(specification)):
            raise MisuseError(
                "The chart loads its data from an address", "Give the chart a frame: a case keeps the rows"
            )
        picture = svg(chart)
    files = {
        "chart.svg": inert_svg(picture).encode() + b"\n",
        "chart.vl.json": (json.dumps(specification, sort_keys=True, ensure_ascii=False) + "\n").encode(
            "utf-8",
            "backslashreplace",  # half a surrogate pair: JSON has it as an escape, UTF-8 has it not at all
        ),
    }
    datasets = [rows for _, rows in sorted(specification.get("datasets", {}).items()) if rows]
    for number, rows in enumerate(datasets, start=1):
        name = "data" if len(datasets) == 1 else f"data-{number}"
        files[f"{name}.parquet"] = parquet_bytes(rows_frame(rows))
    return Representation("chart", files)


def _addresses(value: Any) -> Iterator[str]:
    """Yield every ``data.url`` in a specification."""
    if isinstance(value, dict):
        data = value.get("data")
        if isinstance(data, dict) and "url" in data:
            yield str(data["url"])
        for name, item in value.items():
            if name != "datasets":
                yield from _addresses(item)
    elif isinstance(value, list):
        for item in value:
            yield from _addresses(item)
