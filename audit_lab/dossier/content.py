"""`Dossier`: the answer to a letter about one decision, as data; the pages are made from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from html import escape
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.seal.digests import sha256
from audit_lab.seal.hidden_letters import spelling
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from audit_lab.dossier.moments import Moment

__all__ = [
    "FORMATS",
    "PAPERS",
    "Bar",
    "Changed",
    "Dossier",
    "Fact",
    "Happening",
    "Integrity",
    "Owner",
    "Reproduction",
    "Source",
    "Wanting",
    "Why",
    "check_path",
]

#: What a dossier may be written as, by the ending of its file's name.
FORMATS = (".pdf", ".html", ".json")

#: Sizes of paper.
PAPERS = ("a4", "letter")

_FORMAT = "audit-lab dossier 1"


@dataclass(frozen=True)
class Fact:
    """Something the log states: its name and, in words, what it says; `value` is "not on record" where it is silent."""

    name: str
    value: str


@dataclass(frozen=True)
class Bar:
    """One recorded input, and how far it moved the explained output.

    Parameters
    ----------
    feature, value, unit
        The input; its value as text (``missing`` where there is none), and its unit.
    told
        Value and unit as a reader expects them: ``36 months``.
    contribution, amount
        How far it moved the output, as a number and in words; None where nothing explains it.
    share
        `contribution` relative to the largest one of this decision, -1 to 1; 0 where nothing explains it.
    """

    feature: str
    value: str
    unit: str | None
    told: str
    contribution: float | None
    amount: str | None
    share: float


@dataclass(frozen=True)
class Changed:
    """The nearest changes that would have led to another decision, or why none are told; as sentences."""

    is_found: bool
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Why:
    """Why the decision came out as it did.

    Parameters
    ----------
    decided_by
        What decided, in a sentence: the score against its threshold, a rule, a person.
    sentences
        The explanation in plain sentences; or, in one, why there is none.
    is_explained
        Whether there is one.
    reasons
        The reasons in the words of reason codes, numbered, with what else the notice says; empty where none were asked.
    changed
        Of the nearest counterfactual; None where it was not asked for.
    """

    decided_by: str
    sentences: tuple[str, ...]
    is_explained: bool
    reasons: tuple[str, ...]
    changed: Changed | None


@dataclass(frozen=True)
class Reproduction:
    """Whether the decision comes out again.

    Parameters
    ----------
    verdict, code
        As `audit_lab.replay.verdict.Replay` has them.
    meaning
        What that means for whoever the decision is about, in a sentence.
    why
        What was compared, and how it came out.
    environment
        Under which environment it ran, and what is not as it was recorded.
    """

    verdict: str
    code: str
    meaning: str
    why: str
    environment: tuple[str, ...]


@dataclass(frozen=True)
class Happening:
    """Something recorded about the decision, or its version: when, what, by whom, and in words."""

    at: Moment
    what: str
    who: str | None
    told: str


@dataclass(frozen=True)
class Owner:
    """Who can close a gap.

    Parameters
    ----------
    duty
        Whose duty it is, as a role: "whoever approved the version".
    names
        Who the log says that is, each with where it says so; none where it names nobody.
    """

    duty: str
    names: tuple[str, ...]

    def words(self) -> str:
        """Return it in a sentence."""
        if self.names:
            return f"Owner: {self.duty}: {'; '.join(self.names)}."
        return f"Owner: {self.duty}; the log names nobody."


@dataclass(frozen=True)
class Wanting:
    """Something that is missing, or not as it should be, with what follows and who owns it."""

    kind: str
    code: str
    what: str
    effect: str
    owner: Owner


@dataclass(frozen=True)
class Integrity:
    """What a verification of the log said; `verdict` is "NOT CHECKED" where none was made."""

    verdict: str
    meaning: str
    findings: tuple[str, ...]
    checked: tuple[str, ...]
    not_checked: tuple[str, ...]
    anchors: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """What all of it rests on: the log, its state, artifact and explanation, by digest; None where there is none.

    `compared_with` is how many other decisions were read for the explanation, the reasons and the counterfactual.
    """

    log: str
    checkpoint_sha256: str | None
    manifest_sha256: str | None
    place: str
    artifact_sha256: str | None
    attribution_sha256: str | None
    reason_codes_sha256: str | None
    counterfactual_sha256: str | None
    compared_with: int
    tool: str


@dataclass(frozen=True)
class Dossier:
    """What a letter about one decision is answered with; immutable, canonical in bytes, named by its digest.

    Parameters
    ----------
    prediction_id, decision, standing
        The decision: its id, what the system decided, and what stands by now.
    answer
        The answer in three sentences.
    decided, version
        What was decided, when and where; by which version, stated and in force.
    approvals
        Who submitted, approved and promoted the version, in order of recording.
    inputs, explained
        Every recorded input, the one that moved the output most first where there is an explanation; what the
        contributions are of, in words.
    why, replay, afterwards, wanting, integrity, source
        As their types say; `afterwards` in order of time, `wanting` gaps first.
    notes
        What every reader of this log must know, as its manifest says.
    personal
        Which of this is personal data, and what the log's rules about access did with it.
    timezone
        The zone of local times, and why it is that one.
    asked_by
        Who asked, and why; None where the log was opened without saying so.
    made_at
        When it was made. Not part of the digest.
    """

    prediction_id: str
    decision: str
    standing: str
    answer: tuple[str, ...]
    decided: tuple[Fact, ...]
    version: tuple[Fact, ...]
    approvals: tuple[Happening, ...]
    inputs: tuple[Bar, ...]
    explained: str | None
    why: Why
    replay: Reproduction
    afterwards: tuple[Happening, ...]
    wanting: tuple[Wanting, ...]
    integrity: Integrity
    source: Source
    notes: tuple[str, ...]
    personal: tuple[str, ...]
    timezone: str
    asked_by: str | None
    made_at: Moment

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the canonical content without `made_at`: its name."""
        return sha256(canonical_json(self._content()))

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON-safe values, nothing left out, with when it was made and its digest."""
        return {**self._content(), "made_at": asdict(self.made_at), "digest": self.digest}

    def to_json(self) -> bytes:
        """Return all of it as canonical UTF-8 JSON (RFC 8785) with a newline."""
        return canonical_json(self.to_dict()) + b"\n"

    def to_html(self) -> str:
        """Return all of it as one page that loads nothing and runs nothing."""
        from audit_lab.dossier.html_page import html_of

        return html_of(self)

    def to_pdf(self, paper: str = "a4") -> bytes:
        """Return two pages as PDF/A-2a and PDF/UA-1; the same dossier gives the same bytes.

        Parameters
        ----------
        paper
            ``a4`` or ``letter``.

        Raises
        ------
        MisuseError
            There is no such paper.
        """
        from audit_lab.dossier.pdf_pages import pdf_of

        return pdf_of(self, paper)

    def left_out(self, paper: str = "a4") -> dict[str, int]:
        """Return what the two pages leave out, or shorten, for want of room: the name of a part, and how many of it."""
        from audit_lab.dossier.pdf_pages import left_out_of

        return left_out_of(self, paper)

    def write(self, path: Path | str, *, paper: str = "a4") -> None:
        """Write it whole or not at all; the file's ending says as what: ``.pdf``, ``.html`` or ``.json``.

        Raises
        ------
        MisuseError
            It has another ending, or there is no such paper.
        """
        from audit_lab.log.files.durable import write_bytes

        check_path(path, paper)
        kind = Path(path).suffix.lower()
        if kind == ".pdf":
            content = self.to_pdf(paper)
        else:
            content = self.to_json() if kind == ".json" else self.to_html().encode()
        write_bytes(Path(path), content)

    def _content(self) -> dict[str, Any]:
        content = asdict(self)
        del content["made_at"]
        return {"format": _FORMAT, **_plain(content)}

    def __str__(self) -> str:
        """Return the answer."""
        return " ".join(self.answer)

    @spelling
    def _repr_html_(self) -> str:
        return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in self.answer)}</ul>"


def _plain(value: Any) -> Any:
    """Return a value as JSON takes it: a number that JSON lacks as text, half of a surrogate pair as its escape."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return str(value) if isinstance(value, float) and not isfinite(value) else value


def check_path(path: Path | str, paper: str = "a4") -> None:
    """See, before anything is asked, that a dossier can be written there.

    Raises
    ------
    MisuseError
        The file's ending says nothing that a dossier can be, or there is no such paper.
    """
    if Path(path).suffix.lower() not in FORMATS:
        raise MisuseError(
            f"a dossier cannot be written to {str(path)!r}", "Name a file that ends in .pdf, .html or .json."
        )
    if paper not in PAPERS:
        raise MisuseError(f"there is no paper {paper!r}", "Choose a4 or letter.")
