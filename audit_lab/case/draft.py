"""The incident report of a case as sentences, each computed from an exhibit, or stated in the case, and naming it."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.case.log_report import LOG_REPORT_KIND
from audit_lab.errors import AuditLabError, LogError
from audit_lab.log.files.reading import reading
from audit_lab.seal.strict_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from audit_lab.case.case_folder import CaseFolder
    from audit_lab.case.exhibit import Exhibit

__all__ = ["DraftSection", "Sentence", "draft_sections", "exhibit_sentences"]

_MOST_IDS = 20
_MOST_SENTENCES = 8
_NOTHING = "Not known: no exhibit of this case shows {}."


@dataclass(frozen=True)
class Sentence:
    """A sentence and what it comes from: ``exhibit 3``, ``finding F1``, ``stated by jane``; empty for what lacks."""

    text: str
    source: str = ""


@dataclass(frozen=True)
class DraftSection:
    """A heading and the sentences under it."""

    title: str
    sentences: tuple[Sentence, ...]


#: Each heading of what is computed, what is missing where nothing says it, and what says it.
_Part = tuple[str, str, "Callable[[Exhibit], Iterator[str]]"]


def draft_sections(case: CaseFolder) -> tuple[DraftSection, ...]:
    """Return the report's sections: what is computed, what was stated, and what is not known.

    Raises
    ------
    AuditLabError
        A file of an exhibit is not what was kept.
    """
    exhibits = case.exhibits
    parts: tuple[_Part, ...] = (
        ("What happened", "what happened", _happened),
        ("Onset", "since when", _onset),
        ("Cause", "the cause", _cause),
        ("Affected decisions", "which decisions are affected", _affected),
        ("Version in force and its lineage", "which version was in force", _version),
        ("Replay", "that a decision was run again", _replayed),
    )
    sections: list[DraftSection] = []
    lacking: list[Sentence] = []
    for title, what, said in parts:
        found = [Sentence(text, f"exhibit {each.number}") for each in exhibits for text in said(each)]
        missing = Sentence(_NOTHING.format(what))
        lacking += [] if found else [missing]
        sections.append(DraftSection(title, tuple(found) or (missing,)))
    unknown = [Sentence(text, f"exhibit {each.number}") for each in exhibits for text in _gaps(each)]
    sections += [*_stated(case), DraftSection("What is not known", (*lacking, *unknown, *_limits(case)))]
    return tuple(sections)


def exhibit_sentences(exhibit: Exhibit) -> tuple[str, ...]:
    """Return what one exhibit says, in sentences: its own summary, or those computed from what it holds; each once.

    One whose document has not the members of this release says only what can be computed without them.

    Raises
    ------
    AuditLabError
        A file of it is not what was kept.
    """
    sentences: list[str] = []
    for said in (_verified, _summary, _happened, _version, _replayed, _gaps):
        with suppress(AttributeError, KeyError, TypeError):
            sentences += said(exhibit)
    return tuple(dict.fromkeys(sentences))


def _stated(case: CaseFolder) -> Iterator[DraftSection]:
    from audit_lab.dossier.moments import clock_of

    numbers = {exhibit.id: exhibit.number for exhibit in case.exhibits}
    clock = clock_of(case.about.timezone)
    findings = tuple(
        Sentence(
            f"{each.claim} (confidence: {each.confidence})",
            f"finding {each.id}, exhibits {', '.join(str(numbers.get(one, '?')) for one in each.supported_by)}",
        )
        for each in case.findings
    )
    yield DraftSection("Findings", findings or (Sentence("No finding was stated."),))
    conclusion = case.conclusion
    answer = Sentence("No conclusion was stated.") if conclusion is None else Sentence(conclusion, "stated in the case")
    yield DraftSection("Conclusion", (answer,))
    actions = tuple(
        Sentence(
            f"{each.kind.capitalize()}: {each.what}; owner {each.owner}, due {each.due}, {each.status}"
            f"{f' ({each.how})' if each.how else ''}",
            f"action {each.id}",
        )
        for each in case.actions
    )
    yield DraftSection("Actions", actions or (Sentence("No action was agreed."),))
    events = tuple(
        Sentence(
            f"{clock.at(each.at).words()}: {each.what}",
            f"exhibit {numbers.get(each.exhibit, '?')}" if each.exhibit else f"stated by {each.by}",
        )
        for each in case.timeline
    )
    yield DraftSection("Timeline", events or (Sentence("No event was dated."),))


def _limits(case: CaseFolder) -> Iterator[Sentence]:
    if not case.about.log_checkpoint:
        yield Sentence("Whether the log is as it was written: it was not sealed when the case was opened.", "case.toml")
    if not any(exhibit.kind == "verification" for exhibit in case.exhibits):
        yield Sentence("Whether the log holds: no exhibit of this case is a verification of it.")
    yield Sentence("Whether the log is complete: no proof covers a decision that was never logged.")
    for change in case.edited():
        yield Sentence(f"Who changed {change.file}: it is not as custody left it.", "custody")


def _happened(exhibit: Exhibit) -> Iterator[str]:
    if exhibit.kind == "alert":
        alert = _document(exhibit)
        rows = "" if alert["rows"] is None else f" The value speaks of {alert['rows']:,} rows."
        yield f"The rule {alert['rule']['name']} raised an alert: {alert['what'].rstrip('.')}.{rows}"
    if exhibit.kind == "decision":
        shown = _document(exhibit)
        yield (
            f"The prediction {shown['prediction_id']} of {shown['occurred_at']} was decided {shown['decision']} by "
            f"{shown['model_name']} {shown['stated_version']}, with score {shown['score']} against the threshold "
            f"{shown['threshold']}."
        )
        if shown.get("final_decision") not in {None, shown["decision"]}:
            yield f"It was overridden later; what stands is {shown['final_decision']}."


def _onset(exhibit: Exhibit) -> Iterator[str]:
    if exhibit.kind in {"onset", "drift"}:
        yield from _summary(exhibit)
    if exhibit.kind == "alert":
        alert = _document(exhibit)
        if alert["window_start"]:
            yield f"The alert's window runs from {alert['window_start']} to {alert['window_end']}; it began by then."


def _cause(exhibit: Exhibit) -> Iterator[str]:
    if exhibit.kind in {"cause", "cohort", "contrast"}:
        yield from _summary(exhibit)


def _affected(exhibit: Exhibit) -> Iterator[str]:
    if exhibit.kind == "impact":
        yield from _summary(exhibit)
        yield from _ids(exhibit, "affected.parquet", "decisions are affected")
    if exhibit.kind == "decisions":
        yield from _ids(exhibit, "frame.parquet", "decisions were in question")
    if exhibit.kind == "decision":
        yield f"One decision is in question: {_document(exhibit)['prediction_id']}."


def _version(exhibit: Exhibit) -> Iterator[str]:
    if exhibit.kind == "decision":
        shown = _document(exhibit)
        yield str(shown["in_force"]["statement"])
        edges = [f"{edge['from']} {edge['relation']} {edge['to']}" for edge in shown["lineage"]]
        if edges:
            yield f"Lineage: {'; '.join(edges[:_MOST_IDS])}{_more(len(edges))}."
    if exhibit.kind == "alert":
        alert = _document(exhibit)
        counted = [f"{name} ({rows:,} rows)" for name, rows in sorted((alert["versions"] or {}).items())]
        if counted:
            yield f"In the alert's window decided {alert['model'] or 'the model'} in version {', '.join(counted)}."
    if exhibit.kind == "lineage":
        yield from _summary(exhibit)
    for model in exhibit.models:
        if "model_version" in model and "artifact_sha256" in model:
            name = f"{model.get('model_name', 'the model')} {model['model_version']}"
            yield f"The artifact of {name} has SHA-256 {model['artifact_sha256']}."


def _replayed(exhibit: Exhibit) -> Iterator[str]:
    if exhibit.kind == "replay":
        shown = _document(exhibit)
        yield f"Replay of {shown.get('prediction_id', 'a decision')}: {shown['verdict']}: {shown['why']}"
    if exhibit.kind == "batch-replay":
        yield from _summary(exhibit)


def _verified(exhibit: Exhibit) -> Iterator[str]:
    if exhibit.kind == LOG_REPORT_KIND:
        shown = _document(exhibit)
        yield f"Verification of the {shown['subject']}: {shown['verdict']}."
        yield from (f"Found: {each['meaning']} ({each['file']})." for each in shown["findings"][:_MOST_SENTENCES])
        yield from (f"Checked: {each}." for each in shown["checked"])
        yield from (f"Not checked: {each}." for each in shown["not_checked"])


def _gaps(exhibit: Exhibit) -> Iterator[str]:
    if exhibit.kind == "decision":
        for gap in _document(exhibit)["gaps"]:
            yield f"{gap['what']} {gap['effect']}"
    if exhibit.kind == "coverage":
        yield from _summary(exhibit)


def _ids(exhibit: Exhibit, name: str, what: str) -> Iterator[str]:
    content = exhibit.content_of(name)
    try:
        with reading(f"The exhibit {exhibit.folder / name}"):
            frame = pl.read_parquet(io.BytesIO(content))
    except LogError as error:
        raise AuditLabError(error.message, "Restore the case's folder as it was") from error
    if "prediction_id" in frame.columns and frame.height:
        ids = frame["prediction_id"].unique().sort().cast(pl.String).to_list()
        yield f"{len(ids):,} {what}: {', '.join(map(str, ids[:_MOST_IDS]))}{_more(len(ids))}."


def _more(count: int) -> str:
    return f" and {count - _MOST_IDS:,} more" if count > _MOST_IDS else ""


def _summary(exhibit: Exhibit) -> Iterator[str]:
    if "summary.json" in exhibit.files:
        sentences = _json(exhibit, "summary.json")
        yield from (str(sentence) for sentence in sentences[:_MOST_SENTENCES])
        if len(sentences) > _MOST_SENTENCES:
            yield f"The exhibit says {len(sentences) - _MOST_SENTENCES} more sentences."


def _document(exhibit: Exhibit) -> Any:
    return _json(exhibit, f"{exhibit.kind}.json")


def _json(exhibit: Exhibit, name: str) -> Any:
    return parse_json(exhibit.content_of(name), str(exhibit.folder / name))
