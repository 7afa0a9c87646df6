"""Two pages of PDF from a dossier: typeset by Typst with the fonts that it carries, and cut until they fit."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.dossier.content import check_path
from audit_lab.dossier.cutting import Cutter
from audit_lab.dossier.layout import first_page, footer, second_page
from audit_lab.errors import AuditLabError

if TYPE_CHECKING:
    from audit_lab.dossier.content import Dossier

__all__ = ["left_out_of", "pdf_of"]

_TEMPLATE = Path(__file__).with_name("pages.typ")
_PAPERS = {"a4": "a4", "letter": "us-letter"}
#: For archives (ISO 19005-2, level A) and for readers who cannot see the page (ISO 14289-1).
_STANDARDS = ["a-2a", "ua-1"]
#: Each step leaves a tenth less room than the one before.
_SCALES = tuple(1.5 * 0.9**step for step in range(36))


def pdf_of(dossier: Dossier, paper: str = "a4") -> bytes:
    """Return a dossier as two pages of PDF; the same dossier gives the same bytes.

    Raises
    ------
    MisuseError
        There is no such paper.
    """
    import typst

    data, _ = _fitted(dossier, paper)
    made: bytes = typst.compile(
        _TEMPLATE.read_bytes(),
        format="pdf",
        sys_inputs={"data": data},
        ignore_system_fonts=True,
        pdf_standards=_STANDARDS,
        timestamp=datetime.fromisoformat(dossier.made_at.utc or "1970-01-01T00:00:00+00:00"),
    )
    return made


def left_out_of(dossier: Dossier, paper: str = "a4") -> dict[str, int]:
    """Return what the two pages leave out: the name of a part, and how many of it; ``texts`` are shortened ones.

    Raises
    ------
    MisuseError
        There is no such paper.
    """
    return dict(_fitted(dossier, paper)[1])


@lru_cache(maxsize=4)
def _fitted(dossier: Dossier, paper: str) -> tuple[str, dict[str, int]]:
    """Return the data of two pages that do not overflow, each with as much as fits, and what they leave out."""
    check_path("dossier.pdf", paper)
    first = _scale_that_fits(dossier, paper, "first")
    second = _scale_that_fits(dossier, paper, "second")
    return _data(dossier, paper, first, second)


def _scale_that_fits(dossier: Dossier, paper: str, page: str) -> float:
    low, high = 0, len(_SCALES) - 1
    while low < high:  # the first of the scales that fits; what fits at one fits at all that leave less room
        middle = (low + high) // 2
        if _fits(dossier, paper, _SCALES[middle], page):
            high = middle
        else:
            low = middle + 1
    for scale in _SCALES[low:]:
        if _fits(dossier, paper, scale, page):
            return scale
    raise AuditLabError(
        f"the dossier of {dossier.prediction_id[:80]} does not fit on two pages, however much is cut",
        "Write it as .html or .json, and tell whoever maintains this tool.",
    )


def _fits(dossier: Dossier, paper: str, scale: float, page: str) -> bool:
    import typst

    data, _ = _data(dossier, paper, scale, scale, only=page)
    found = typst.query(
        _TEMPLATE.read_bytes(), f"<{page}-ends>", field="value", one=True, ignore_system_fonts=True,
        sys_inputs={"data": data},
    )  # fmt: skip
    return int(json.loads(found)) == (1 if page == "first" else 2)


def _data(
    dossier: Dossier, paper: str, first: float, second: float, only: str | None = None
) -> tuple[str, dict[str, int]]:
    cuts = Cutter(first), Cutter(second)
    pages = (
        first_page(dossier, cuts[0]) if only != "second" else [],
        second_page(dossier, cuts[1]) if only != "first" else [],
    )
    left_out = {**cuts[0].left_out, **cuts[1].left_out}
    shortened = sum(cut.left_out.get("texts", 0) for cut in cuts)
    if shortened or only is not None:  # room is kept for the line while it is not known whether it is needed
        left_out["texts"] = shortened
        told = "One text is" if shortened == 1 else f"{shortened:,} texts are"
        text = f"{told} shortened on these pages, each with its length: whole in the JSON of this dossier."
        pages[1].append({"kind": "small", "text": text})
    made = datetime.fromisoformat(dossier.made_at.utc or "1970-01-01T00:00:00+00:00").astimezone(UTC)
    plain = Cutter(1.0)
    document: dict[str, Any] = {
        "title": plain.text(f"Dossier on decision {dossier.prediction_id}", 200),
        "author": dossier.source.tool,
        "paper": _PAPERS[paper],
        "made": [made.year, made.month, made.day, made.hour, made.minute, made.second],
        "footer": footer(dossier, plain),
        "first": pages[0],
        "second": pages[1],
    }
    return json.dumps(document), left_out
