"""The stylesheet of every page in a bundle: readable on a screen and on paper, with nothing to load."""

from __future__ import annotations

from audit_lab.seal.hidden_letters import spelled, spelled_html

__all__ = ["PAGE_STYLE", "footer_style", "page"]

#: What a page may do: show text, its own styles, and pictures that stand in it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

PAGE_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; color: #1a1f26;
  background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; padding-bottom: .2rem; border-bottom: 1px solid #d5dae1; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .4rem; }
p, ul, ol, table, pre { margin: .6rem 0; }
h1, h2, h3, p, li { overflow-wrap: anywhere; }
a { color: #0b57a4; }
a.anchor-link { display: none; }
code, pre, td.digest { font: 13px/1.45 ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { border: 1px solid #d5dae1; padding: .25rem .55rem; text-align: left; vertical-align: top; }
th { background: #f1f4f8; font-weight: 600; }
.wide, .output_html { overflow-x: auto; }
.cell { margin: .9rem 0; }
.input_area pre, .highlight pre { background: #f6f8fa; border-left: 3px solid #b8c4d3; padding: .6rem .8rem;
  margin: 0; }
.highlight .k, .highlight .kn, .highlight .kc, .highlight .kd, .highlight .ow { color: #0b57a4; font-weight: 600; }
.highlight .s1, .highlight .s2, .highlight .sa, .highlight .sd, .highlight .si, .highlight .se { color: #1b6e3c; }
.highlight .mi, .highlight .mf, .highlight .mh, .highlight .mb { color: #8a4b08; }
.highlight .c1, .highlight .cm, .highlight .ch { color: #5b6675; font-style: italic; }
.highlight .nd, .highlight .nb, .highlight .nf, .highlight .nc, .highlight .fm { color: #6b2fa0; }
.input_prompt, .output_prompt, .prompt { color: #5b6675; font: 12px/1.4 ui-monospace, "DejaVu Sans Mono", monospace; }
.output_area { margin: .4rem 0 .4rem 1rem; }
.output_stderr pre { background: #fff4e5; padding: .4rem .6rem; }
mark { background: #ffe08a; color: #1a1f26; font: 11px/1 ui-monospace, "DejaVu Sans Mono", monospace; }
.omitted { color: #7a4a00; font-style: italic; }
td.when { white-space: nowrap; }
.source { color: #5b6675; font-size: 12px; }
.facts td:first-child { font-weight: 600; white-space: nowrap; }
.warning { background: #fff4e5; border-left: 4px solid #c77700; padding: .5rem .9rem; }
.answer { background: #eef4fb; border-left: 4px solid #0b57a4; padding: .5rem .9rem; font-size: 1.05rem; }
td.digest { overflow-wrap: anywhere; font-size: 11px; }
.ansi-red-fg { color: #b3261e; } .ansi-green-fg { color: #1b6e3c; } .ansi-blue-fg { color: #0b57a4; }
.ansi-yellow-fg { color: #7a5b00; } .ansi-cyan-fg { color: #006d77; } .ansi-magenta-fg { color: #8a2c83; }
.ansi-bold { font-weight: 700; }
@page { size: A4; margin: 16mm 16mm 20mm; }
@page landscape { size: A4 landscape; }
@media print {
  body { max-width: none; margin: 0; padding: 0; font-size: 10.5pt; }
  .head { break-after: page; font-size: 9pt; line-height: 1.3; }
  .head h1 { font-size: 1.35rem; }
  .head h2 { font-size: 1.05rem; margin: .5rem 0 .15rem; }
  .head p, .head ul, .head table { margin: .2rem 0; }
  .head th, .head td { padding: .06rem .35rem; }
  .head .answer { font-size: 10pt; }
  .exhibits { break-inside: avoid; }
  .landscape { page: landscape; }
  .wide, .output_html { overflow: visible; }
  table { font-size: 8.5pt; max-width: 100%; }
  .landscape table { font-size: 7.2pt; }
  th, td { overflow-wrap: anywhere; white-space: normal !important; max-width: none !important;
    min-width: 7em; padding: .15rem .35rem; }
  .landscape th, .landscape td { min-width: 0; }
  th, .output_html td { overflow-wrap: break-word; word-break: normal !important; min-width: 0; }
  .shown th, .shown td { overflow-wrap: normal; }
  .shown .long, .output_html .long { overflow-wrap: anywhere; }
  .output_area { margin-left: 0; }
  .prompt { break-after: avoid; }
  img { max-height: 235mm; }
  .landscape img { max-height: 150mm; }
  h1, h2, h3 { break-after: avoid; }
  .details { break-before: page; }
  img, tr, .answer, .warning { break-inside: avoid; }
  thead { display: table-header-group; }
  a { color: inherit; }
}
"""


def footer_style(text: str) -> str:
    """Return the styles that put a text and the page's number at the foot of every printed page; any text is safe."""
    escaped = "".join(
        letter if letter.isascii() and letter.isalnum() else f"\\{ord(letter):06x}" for letter in spelled(text)
    )
    small = 'font: 7.5pt "DejaVu Sans", sans-serif; color: #5b6675;'
    number = 'counter(page) " of " counter(pages)'
    return (
        f'<style>@page {{ @bottom-left {{ content: "{escaped}"; {small} white-space: nowrap; }} '
        f"@bottom-right {{ content: {number}; {small} }} }}</style>\n"
    )


def page(title_html: str, head_html: str, body_html: str) -> bytes:
    """Return a whole page around a body that is already safe; `title_html` is escaped text.

    Characters that nobody sees are named, so that no text reads otherwise than it is.
    """
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{head_html}<title>{spelled(title_html)}</title>\n<style>{PAGE_STYLE}</style>\n</head>\n"
        f"<body>\n{spelled_html(body_html)}\n</body>\n</html>\n"
    ).encode()
