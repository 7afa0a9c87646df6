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
#: Each step leaves a twentieth less room than the one before.
_SCALES = tuple(4.0 * 0.95**step for step in range(92))
_FIRST, _SECOND = "first", "second"
_NO_TIME = "1970-01-01T00:00:00+00:00"


def pdf_of(dossier: Dossier, paper: str = "a4") -> bytes:
    """Return a dossier as two pages of PDF; the same dossier gives the same bytes.

    The file is PDF/A-2a (ISO 19005-2, for archives) and PDF/UA-1 (ISO 14289-1, for readers who cannot see the page).

    Raises
    ------
    MisuseError
        There is no such paper.
    AuditLabError
        It cannot be typeset.
    """
    import typst

    try:
        return _typeset(_fitted(dossier, paper)[0], dossier)
    except typst.TypstError:
        # A character may have a glyph alone and none in a sequence; escapes have one everywhere.
        try:
            return _typeset(_fitted(dossier, paper, only_ascii=True)[0], dossier)
        except typst.TypstError as error:
            raise AuditLabError(
                f"the dossier of {dossier.prediction_id[:80]!r} cannot be typeset: {error.message}",
                "Write it as .html or .json, and tell whoever maintains this tool.",
            ) from error


def left_out_of(dossier: Dossier, paper: str = "a4") -> dict[str, int]:
    """Return what the two pages leave out: the name of a part, and how many of it; ``texts`` are shortened ones.

    Raises
    ------
    MisuseError
        There is no such paper.
    """
    return dict(_fitted(dossier, paper)[1])


def _typeset(data: str, dossier: Dossier) -> bytes:
    import typst

    return typst.compile(
        _TEMPLATE.read_bytes(),
        format="pdf",
        sys_inputs={"data": data},
        ignore_system_fonts=True,
        pdf_standards=["a-2a", "ua-1"],
        timestamp=_made(dossier),
    )


@lru_cache(maxsize=4)
def _fitted(dossier: Dossier, paper: str, *, only_ascii: bool = False) -> tuple[str, dict[str, int]]:
    """Return the data of two pages that do not overflow, each with as much as fits, and what they leave out."""
    check_path("dossier.pdf", paper)
    pages = _Pages(dossier, paper, only_ascii=only_ascii)
    return pages.data({_FIRST: pages.scale_that_fits(_FIRST), _SECOND: pages.scale_that_fits(_SECOND)})


class _Pages:
    """The two pages of a dossier, tried with more and less room."""

    def __init__(self, dossier: Dossier, paper: str, *, only_ascii: bool) -> None:
        self._dossier = dossier
        self._paper = paper
        self._only_ascii = only_ascii
        self._footer = footer(dossier, Cutter(1.0, only_ascii))

    def scale_that_fits(self, page: str) -> float:
        """Return the largest scale with which one page does not overflow."""
        low, high = 0, len(_SCALES) - 1
        while low < high:
            middle = (low + high) // 2
            if self._fits(_SCALES[middle], page):
                high = middle
            else:
                low = middle + 1
        for scale in _SCALES[low:]:  # with less room a line may break otherwise, and the page be longer for once
            if self._fits(scale, page):
                return scale
        raise AuditLabError(
            f"the dossier of {self._dossier.prediction_id[:80]!r} does not fit on two pages, however much is cut",
            "Write it as .html or .json, and tell whoever maintains this tool.",
        )

    def data(self, scales: dict[str, float]) -> tuple[str, dict[str, int]]:
        """Return what the template takes as JSON, and what is left out; a page that has no scale is left empty."""
        dossier, cuts = self._dossier, {page: Cutter(scale, self._only_ascii) for page, scale in scales.items()}
        first = first_page(dossier, cuts[_FIRST]) if _FIRST in cuts else []
        second = second_page(dossier, cuts[_SECOND]) if _SECOND in cuts else []
        left_out: dict[str, int] = {}
        for cut in cuts.values():
            for part, count in cut.left_out.items():
                left_out[part] = left_out.get(part, 0) + count
        shortened = left_out.get("texts", 0)
        if shortened or len(cuts) == 1:  # room is kept for the line while it is not known whether it is needed
            told = "One text is" if shortened == 1 else f"{shortened:,} texts are"
            text = f"{told} shortened on these pages, each with its length: whole in the JSON of this dossier."
            second.append({"kind": "small", "text": text})
        plain, made = Cutter(1.0, self._only_ascii), _made(dossier)
        document: dict[str, Any] = {
            "title": plain.text(f"Dossier on decision {dossier.prediction_id}", 200),
            "author": dossier.source.tool,
            "paper": _PAPERS[self._paper],
            "made": [made.year, made.month, made.day, made.hour, made.minute, made.second],
            "footer": self._footer,
            "first": first,
            "second": second,
        }
        return json.dumps(document), left_out

    def _fits(self, scale: float, page: str) -> bool:
        import typst

        found = typst.query(
            _TEMPLATE.read_bytes(),
            f"<{page}-ends>",
            field="value",
            one=True,
            ignore_system_fonts=True,
            sys_inputs={"data": self.data({page: scale})[0]},
        )
        return int(json.loads(found)) == (1 if page == _FIRST else 2)


def _made(dossier: Dossier) -> datetime:
    return datetime.fromisoformat(dossier.made_at.utc or _NO_TIME).astimezone(UTC).replace(microsecond=0)
