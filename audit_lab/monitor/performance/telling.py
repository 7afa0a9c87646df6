"""Performance in words: the summary's sentences, the JSON form and the HTML form."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.monitor.performance.delay import FEWEST_OUTCOMES, MATURE_SHARE, TOO_FEW
from audit_lab.monitor.performance.estimate import ASSUMPTION
from audit_lab.monitor.sentences import sentence
from audit_lab.monitor.windows import window_length

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from audit_lab.monitor.performance.result import Performance, Windows

__all__ = ["QUESTIONS", "duration", "sentences", "to_dict", "to_html"]

#: What each part of the table asks.
QUESTIONS = {
    "score": "how well the model's score ranks and foretells, whatever was decided",
    "label": "how often the label that the model gave came true",
    "decision": "how often the decision of the system, rules included, matched what came true",
    "final decision": "the same of the decision that stands after persons changed some",
    "outcome": "how often the positive label came true",
}
_HEADLINES = (("score", "auc"), ("score", "rmse"), ("label", "accuracy"))
_CALLED = {
    "auc": "AUC",
    "rmse": "RMSE",
    "mae": "MAE",
    "f1": "F1",
    "brier": "Brier score",
    "log_loss": "log loss",
    "hosmer_lemeshow_p": "Hosmer-Lemeshow p",
}
_SHOWN_OF = ("score", "label", "final decision")
_UNITS = (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0))


def sentences(found: Performance) -> list[str]:
    """Return what was found, the most important first."""
    said = [*_headlines(found), *_then(found), *_few(found), *_immature(found), _outcomes(found), *_delays(found)]
    said += [*_selected(found), *_questions(found), *_estimated(found)]
    return [*said, *(sentence(fact) for fact in found.facts)]


def to_dict(found: Performance) -> dict[str, Any]:
    """Return the result JSON-safe; times in ISO 8601, durations in seconds."""
    output = found.meaning.output
    curve = found.calibration().to_dicts() if found.meaning.has_probability else []
    return {
        "model": found.model,
        "asked": found.asked.to_dict(),
        "output": {"kind": output.kind, "positive": output.positive, "negative": output.negative},
        "horizon": None if found.horizon is None else found.horizon.isoformat(),
        "summary": sentences(found),
        "questions": QUESTIONS,
        "mature_from": MATURE_SHARE,
        "delays": {
            side: {
                "rows": delays.rows,
                "before": delays.before,
                **{name: delay.total_seconds() for name, delay in delays.quantiles.items()},
            }
            for side, delays in found.delays.items()
        },
        "overridden": dict(found.overridden),
        "windows": _json_safe(found.windows),
        "table": _json_safe(found.table),
        "calibration": curve,
    }


def to_html(found: Performance) -> str:
    """Return the summary as a list, and the measures by window as a table."""
    items = "".join(f"<li>{escape(text)}</li>" for text in sentences(found))
    shown = found.table.filter(~pl.col("estimated"), pl.col("of").is_in(_SHOWN_OF))
    names = ("window", "version", "known", "of", "measure", "value", "95 % interval", "rows", "status")
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(_html_row(found, row) for row in shown.iter_rows(named=True))
    return f"<ul>{items}</ul><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def duration(delay: timedelta) -> str:
    """Say how long something took, in the largest unit of which it is at least two."""
    seconds = delay.total_seconds()
    for noun, size in _UNITS:
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.3g} {noun}"
    return f"{seconds:.3g} seconds"


def called(measure: str) -> str:
    """Return what a sentence calls a measure."""
    return _CALLED.get(measure, measure.replace("_", " "))


def window_name(asked: Windows, start: datetime | None) -> str:
    """Return what a sentence calls a window."""
    if asked.every is None or start is None:
        return "the whole time"
    return window_length(asked.every, asked.zone).name(start)


def _html_row(found: Performance, row: dict[str, Any]) -> str:
    ends = "" if row["low"] is None else f"{row['low']:.4g} \N{EN DASH} {row['high']:.4g}"
    value = "" if row["value"] is None else f"{row['value']:.4g}"
    name = window_name(found.asked, row["window_start"])
    cells = (
        *(name, row["model_version"] or "all", row["known"], row["of"], called(row["measure"])),
        *(value, ends, f"{row['rows']:,}", row["status"]),
    )
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _headed(found: Performance) -> tuple[str, str]:
    there = set(found.table.select("of", "measure").unique().iter_rows())
    return next((pair for pair in _HEADLINES if pair in there), _HEADLINES[-1])


def _headlines(found: Performance) -> list[str]:
    """Return how good the model is by what is known; where a moment is asked about, first by what was known then."""
    of, measure = _headed(found)
    if found.asked.as_of is None:
        return [_headline(found, of, measure, "now")]
    then = f"By what was known on {found.asked.as_of:%Y-%m-%d %H:%M} UTC: {_headline(found, of, measure, 'then')}"
    return [then, f"By what is known now: {_headline(found, of, measure, 'now')}"]


def _few(found: Performance) -> list[str]:
    """Say how many windows have too few outcomes for a verdict."""
    few = found.table.filter(known="now", status=TOO_FEW)["window_start"].n_unique()
    whole = found.windows.filter(known="now")["window_start"].n_unique()
    return [f"{few:,} of {whole:,} windows have fewer than {FEWEST_OUTCOMES} outcomes and no verdict."] if few else []


def _headline(found: Performance, of: str, measure: str, known: str) -> str:
    mine = found.table.filter(known=known, of=of, measure=measure, estimated=False)
    good = mine.filter(status="measured").sort("window_start", "model_version", nulls_last=True)
    name = f"{called(measure)} of the {of}"
    if good.is_empty():
        windows = found.windows.filter(known=known)
        why = "has outcomes" if not int(windows["labelled"].sum()) else "is mature"
        enough = windows.filter("mature", pl.col("labelled") >= FEWEST_OUTCOMES)
        notes = mine.filter(status="not defined").join(enough, on=["window_start", "model_version"], nulls_equal=True)
        if notes.height:
            return (
                f"How good {found.model} is cannot be said: {notes['note'][0]}, so that there is no {called(measure)}."
            )
        if found.asked.every is not None and windows.filter("mature").height and enough.is_empty():
            why = f"has {FEWEST_OUTCOMES} outcomes"
        return f"How good {found.model} is cannot be said yet: no window {why} and has an {called(measure)}."
    if good.height == 1:
        return f"{name} {_measured(found, good.row(0, named=True))}."
    ranked = good.sort("value", maintain_order=True)
    low, high, last = (each.row(0, named=True) for each in (ranked.head(1), ranked.tail(1), good.tail(1)))
    many = f"in {good.height} mature windows" if not found.asked.by_version else f"in {good.height} windows by version"
    return (
        f"{name} {many}: lowest {_measured(found, low)}, highest {_measured(found, high)}, "
        f"last {_measured(found, last)}."
    )


def _measured(found: Performance, row: dict[str, Any]) -> str:
    ends = "" if row["low"] is None else f" [{row['low']:.3f}, {row['high']:.3f}]"
    version = f" of version {row['model_version']}" if row["model_version"] else ""
    return f"{row['value']:.3f}{ends} in {window_name(found.asked, row['window_start'])}{version}"


def _then(found: Performance) -> list[str]:
    """Say what was known at the earlier moment beside what is known now."""
    if found.asked.as_of is None:
        return []
    of, measure = _headed(found)
    sums = {
        known: (int(rows["labelled"].sum()), int(rows["rows"].sum()))
        for known in ("then", "now")
        for rows in [found.windows.filter(known=known)]
    }
    then = found.windows.filter(known="then")
    waiting = then.filter(~pl.col("mature")).height
    said = (
        f"As of {found.asked.as_of:%Y-%m-%d %H:%M} UTC {sums['then'][0]:,} of {sums['then'][1]:,} predictions had an "
        f"outcome, and {waiting} of {then.height} windows were not mature; {sums['now'][0]:,} of {sums['now'][1]:,} "
        "have one by now."
    )
    keys = ["window_start", "model_version"]
    mine = found.table.filter(of=of, measure=measure, estimated=False)
    both = mine.filter(known="then").join(mine.filter(known="now"), on=keys, suffix="_now", nulls_equal=True)
    moved = both.drop_nulls(["value", "value_now"]).with_columns(
        (pl.col("value_now") - pl.col("value")).abs().alias("gap")
    )
    if moved.is_empty():
        return [said, f"By what was known then, the {called(measure)} of the {of} could not be told in any window."]
    row = moved.sort("gap", "window_start", descending=[True, False], nulls_last=True).row(0, named=True)
    where = window_name(found.asked, row["window_start"])
    if not row["gap"]:
        return [said, f"The {called(measure)} of the {of} is the same by what was known then and by what is known now."]
    moved_most = (
        f"The {called(measure)} of the {of} moved most in {where}: {row['value']:.3f} by what was known then "
        f"({row['status']}), {row['value_now']:.3f} now ({row['status_now']})."
    )
    return [said, moved_most]


def _immature(found: Performance) -> list[str]:
    waiting = found.windows.filter(~pl.col("mature"), pl.col("labelled") > 0, known="now")
    none = found.windows.filter(labelled=0, known="now")
    said = []
    if waiting.height:
        first = waiting.row(0, named=True)
        share = first["expected_share"]
        told = "" if share is None else f": about {share:.0%} of its outcomes are to have arrived"
        said.append(
            f"{waiting.height} of {found.windows.filter(known='now').height} windows are immature, the first "
            f"{window_name(found.asked, first['window_start'])}{told}. Their values can still move, mostly "
            "because outcomes that come early differ from those that come late."
        )
    if none.height:
        first_name = window_name(found.asked, none["window_start"][0])
        said.append(f"{none.height} windows have no outcome at all, the first {first_name}.")
    return said


def _outcomes(found: Performance) -> str:
    now = found.windows.filter(known="now")
    rows, labelled = int(now["rows"].sum()), int(now["labelled"].sum())
    missing = f"{(rows - labelled) / rows:.1%}"
    mature = now.filter("mature")
    total, there = int(mature["rows"].sum()), int(mature["labelled"].sum())
    lasting = f", {(total - there) / total:.1%} in mature windows" if total else ""
    return f"Outcomes: {labelled:,} of {rows:,} predictions have one; missing {missing}{lasting}."


def _delays(found: Performance) -> list[str]:
    delays = found.delays["now"]
    if not delays.rows or not delays.quantiles:
        return []
    each = {name: duration(delay) for name, delay in delays.quantiles.items()}
    before = f" {delays.before:,} outcomes were observed before their prediction was made." if delays.before else ""
    told = f"{each['shortest']} at least, median {each['median']}, 99 % within {each['p99']}, {each['longest']} at most"
    return [f"From prediction to outcome: {told}.{before}"]


def _selected(found: Performance) -> list[str]:
    now = found.windows.filter(known="now")
    if int(now["labelled"].sum()) == int(now["rows"].sum()) or not int(now["labelled"].sum()):
        return []
    told = (
        "Measures speak of predictions with an outcome. Where a decision decides whether an outcome is ever learnt (a "
        "loan that was denied is never repaid), they say nothing of the others."
    )
    return [told]


def _questions(found: Performance) -> list[str]:
    there = found.table["of"].unique().to_list()
    asked = [f"'{of}' asks {question}" for of, question in QUESTIONS.items() if of in there and of != "outcome"]
    changed = f"; persons changed {found.overridden['now']:,} decisions of the log" if "final decision" in there else ""
    return [f"Different questions: {'; '.join(asked)}{changed}."]


def _estimated(found: Performance) -> list[str]:
    guessed = found.table.filter(known="now", estimated=True)
    if guessed.is_empty():
        return []
    keys = ["window_start", "model_version", "of", "measure"]
    real = found.table.filter(known="now", estimated=False, status="measured").select(*keys, "value")
    both = guessed.join(real, on=keys, suffix="_real", nulls_equal=True).drop_nulls(["value", "value_real"])
    last = guessed.drop_nulls("value").filter(measure="auc")["note"].to_list()
    said = [ASSUMPTION, *([f"In the last window, {last[-1]}."] if last else [])]
    for of, measure in (("score", "auc"), ("label", "accuracy")):
        mine = both.filter(of=of, measure=measure)
        if mine.height:
            gap = float((mine["value"] - mine["value_real"]).abs().max())  # type: ignore[arg-type]
            said.append(
                f"Where outcomes are there to check it, the estimated {called(measure)} was off by at most {gap:.3f} "
                f"in {mine.height} window{'' if mine.height == 1 else 's'}."
            )
    return [" ".join(said)]


def _json_safe(frame: pl.DataFrame) -> list[dict[str, Any]]:
    times = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime)]
    rows = frame.to_dicts()
    return [
        {name: value.isoformat() if name in times and value is not None else value for name, value in row.items()}
        for row in rows
    ]
