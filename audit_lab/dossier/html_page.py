"""A dossier as one page of HTML: everything in it, nothing loaded, nothing run, every text from a log escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from audit_lab.dossier.content import Bar, Dossier, Fact, Happening

__all__ = ["html_of"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE = """
body { font: 16px/1.5 Georgia, "Libertinus Serif", "DejaVu Serif", serif; color: #141414; background: #fff;
  max-width: 56rem; margin: 2rem auto; padding: 0 1.5rem; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.15rem; margin: 1.8rem 0 .5rem; padding-bottom: .15rem; border-bottom: 1px solid #999; }
p { margin: .5rem 0; }
.under, .small, caption { color: #555; font-size: .85rem; text-align: left; }
.answer { border-left: 4px solid #333; background: #f3f3f3; padding: .5rem 1rem; margin: 1rem 0; }
.answer p:first-child { font-weight: bold; }
dl { display: grid; grid-template-columns: 12rem 1fr; gap: .2rem 1rem; margin: .5rem 0; }
dt { color: #555; } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; margin: .5rem 0; }
th { text-align: left; color: #555; font-weight: normal; border-bottom: 1px solid #999; }
th, td { padding: .15rem .4rem; vertical-align: top; min-width: 5.5rem; }
tbody tr:nth-child(even) { background: #f5f5f5; }
td.amount { text-align: right; white-space: nowrap; }
td.bar { width: 12rem; min-width: 12rem; }
.half { display: inline-block; width: 50%; height: .75em; box-sizing: border-box; vertical-align: middle; }
.half + .half { border-left: 1px solid #777; }
.down { float: right; height: 100%; box-sizing: border-box; border: 1px solid #444; background: #e8e8e8; }
.up { height: 100%; background: #444; }
footer { margin-top: 2rem; border-top: 1px solid #999; font-size: .8rem; color: #333; }
code { font: .85em/1.4 ui-monospace, "DejaVu Sans Mono", monospace; }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } @page { size: A4; margin: 16mm; } }
"""


def html_of(dossier: Dossier) -> str:
    """Return a dossier as a page of HTML, readable with scripts off and without a network."""
    body = "\n".join(_body(dossier))
    title = escape(_text(f"Dossier on decision {dossier.prediction_id}"))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _body(dossier: Dossier) -> Iterator[str]:
    asked = "" if dossier.asked_by is None else f"Asked by {dossier.asked_by}. "
    yield "<h1>Dossier on a decision</h1>"
    yield f'<p class="under">{_shown(f"{asked}Prediction {dossier.prediction_id}")}</p>'
    yield f'<div class="answer">{"".join(f"<p>{_shown(line)}</p>" for line in dossier.answer)}</div>'
    yield from _section("What was decided, and when", _facts(dossier.decided))
    yield from _section("By which version", _facts(dossier.version), _happenings(dossier.approvals, "No approval"))
    heading = "On which inputs, and how far each moved the score" if dossier.explained else "On which inputs"
    yield from _section(heading, _bars(dossier.inputs, dossier.explained))
    yield from _section("Why", _list(dossier.why.sentences))
    if dossier.why.reasons:
        yield from _section("Reasons, in the words of reason codes", _list(dossier.why.reasons))
    if dossier.why.changed is not None:
        yield from _section("What would have led to another decision", _list(dossier.why.changed.sentences))
    replay, integrity = dossier.replay, dossier.integrity
    yield from _section(
        "Does it come out again?",
        _verdict(replay.verdict, replay.meaning),
        _paragraph(replay.why),
        _list(replay.environment),
    )
    yield from _section("What happened afterwards", _happenings(dossier.afterwards, "Nothing"))
    yield from _section("What is missing, or not as it should be, and who owns that", _wanting(dossier))
    lines = [
        *(f"Found: {each}" for each in integrity.findings),
        *(f"Checked: {each}." for each in integrity.checked),
        *(f"Not checked: {each}." for each in integrity.not_checked),
        *(f"Anchor: {each}." for each in integrity.anchors),
    ]
    yield from _section("Is the log as it was written?", _verdict(integrity.verdict, integrity.meaning), _list(lines))
    notes = [f"The log says: {note}" for note in dossier.notes]
    yield from _section("How to read this", _list([dossier.timezone, *dossier.personal, *notes]))
    yield _footer(dossier)


def _section(heading: str, *parts: str) -> Iterator[str]:
    yield f"<section><h2>{escape(heading)}</h2>{''.join(parts)}</section>"


def _facts(facts: Iterable[Fact]) -> str:
    return f"<dl>{''.join(f'<dt>{_shown(each.name)}</dt><dd>{_shown(each.value)}</dd>' for each in facts)}</dl>"


def _bars(inputs: Sequence[Bar], explained: str | None) -> str:
    if not inputs:
        return _paragraph("No inputs can be shown: see what is missing.")
    heads = ["input", "recorded value", "unit", *(("moved it by", "lowered | raised") if explained else ())]
    rows = "".join(f"<tr>{''.join(_cells(each, with_bar=explained is not None))}</tr>" for each in inputs)
    caption = "" if explained is None else f'<p class="small">{_shown(explained)}</p>'
    return _table(heads, rows) + caption


def _cells(bar: Bar, *, with_bar: bool) -> Iterator[str]:
    for text in (bar.feature, bar.value, bar.unit or ""):
        yield f"<td>{_shown(text)}</td>"
    if with_bar:
        width = f"{100 * abs(bar.share):.1f}%"
        down = f'<span class="down" style="width:{width}"></span>' if bar.share < 0 else ""
        up = f'<div class="up" style="width:{width}"></div>' if bar.share > 0 else ""
        yield f'<td class="amount">{_shown(bar.amount or "")}</td>'
        yield f'<td class="bar" aria-hidden="true"><span class="half">{down}</span><span class="half">{up}</span></td>'


def _happenings(happenings: Sequence[Happening], nothing: str) -> str:
    if not happenings:
        return _paragraph(f"{nothing} is on record.")
    rows = "".join(
        f"<tr><td>{_shown(each.at.words())}</td><td>{_shown(each.what)}</td>"
        f"<td>{_shown(each.who or 'nobody named')}</td><td>{_shown(each.told)}</td></tr>"
        for each in happenings
    )
    return _table(("when", "what", "by", "in words"), rows)


def _wanting(dossier: Dossier) -> str:
    if not dossier.wanting:
        return _paragraph("Nothing was found missing.")
    rows = "".join(
        f"<tr><td>{_shown(each.code)}</td><td>{_shown(f'{each.what} {each.effect}'.strip())}</td>"
        f"<td>{_shown(each.owner.words())}</td></tr>"
        for each in dossier.wanting
    )
    return _table(("code", "what, and what follows", "who owns it"), rows)


def _footer(dossier: Dossier) -> str:
    source = dossier.source
    digests = {
        "checkpoint": source.checkpoint_sha256,
        "manifest": source.manifest_sha256,
        "artifact": source.artifact_sha256,
        "attribution": source.attribution_sha256,
        "reason codes": source.reason_codes_sha256,
        "counterfactual": source.counterfactual_sha256,
        "this dossier": dossier.digest,
    }
    shown = "".join(
        f"<dt>{escape(name)} (SHA-256)</dt><dd><code>{_shown(value)}</code></dd>"
        for name, value in digests.items()
        if value is not None
    )
    made = f"Log {source.log}; made {dossier.made_at.words()} by {source.tool}."
    return f"<footer><p>{_shown(made)}</p><dl>{shown}</dl></footer>"


def _table(heads: Iterable[str], rows: str) -> str:
    shown = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    return f"<table><thead><tr>{shown}</tr></thead><tbody>{rows}</tbody></table>"


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{_shown(each)}</li>' for each in sentences)}</ul>" if sentences else ""


def _paragraph(text: str) -> str:
    return f"<p>{_shown(text)}</p>"


def _verdict(verdict: str, meaning: str) -> str:
    return f"<p><strong>{_shown(verdict)}</strong>. {_shown(meaning)}</p>"


def _shown(text: str) -> str:
    """Return text for the page: escaped, in an element that keeps its direction from turning what stands beside it."""
    return f"<bdi>{escape(_text(text))}</bdi>"


def _text(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)
