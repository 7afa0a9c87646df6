"""The reason codes: a versioned document that says which feature, or rule, stands for which adverse action reason.

12 CFR 1002.9(b)(2) (Regulation B, Equal Credit Opportunity Act) asks for specific principal reasons; Appendix C of that
part has sample wordings. The document is the lender's: what is checked here is that it fits the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.log.files.printable import printable
from audit_lab.seal.digests import sha256
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import canonical_json, members, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.replay.decision_rules import Rule
    from audit_lab.replay.signature import Signature

__all__ = ["DIRECTIONS", "Entry", "ReasonCodes"]

#: Where a value lies beside the middle of the reference, for entries that hold on one side only.
DIRECTIONS = ("higher", "lower")

_FORMAT = "audit_lab.reason-codes"
_FORMAT_VERSION = 1
_MOST_BYTES = 1_000_000
_LONGEST = 500
_NUMBERS = ("float", "int")
_NEXT = "Correct the document; docs/reasons.md says what it holds."


@dataclass(frozen=True)
class Entry:
    """One reason: the feature or rule that it stands for, its code and its text.

    Parameters
    ----------
    subject
        A feature's or a rule's name.
    code, reason
        What the notice says.
    direction
        ``higher`` or ``lower``: the reason holds only where the value is above, or below, the reference's middle one.
    group
        Features of one group make one reason together, that of the strongest of them.
    caution
        What whoever sends the notice must know before, where this feature pushed the decision.
    """

    subject: str
    code: str
    reason: str
    direction: str | None = None
    group: str | None = None
    caution: str | None = None


@dataclass(frozen=True)
class ReasonCodes:
    """Reason codes for one model.

    Parameters
    ----------
    version
        The document's own version.
    model_name, model_versions
        Whose decisions it is for; every version of the model where none is named.
    adverse
        The decisions that reasons are owed for.
    features, rules
        The entries.
    sha256
        Digest (hexadecimal) of the document in canonical JSON (RFC 8785), however it was laid out.
    """

    version: str
    model_name: str
    model_versions: tuple[str, ...]
    adverse: tuple[str, ...]
    features: tuple[Entry, ...]
    rules: tuple[Entry, ...]
    sha256: str

    @classmethod
    def read(cls, path: str | Path) -> ReasonCodes:
        """Read reason codes from a JSON file.

        Raises
        ------
        MisuseError
            The file cannot be read, or is no reason codes.
        """
        try:
            with Path(path).open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise MisuseError(f"there is no readable file of reason codes at {path}", "Name the JSON file.") from error
        return cls.parse(content, str(path))

    @classmethod
    def parse(cls, content: bytes, name: str = "the document of reason codes") -> ReasonCodes:
        """Read reason codes from the bytes of a JSON document.

        Raises
        ------
        MisuseError
            The bytes are no JSON, lack a member, have an unknown one, or say two things about one feature.
        """
        if len(content) > _MOST_BYTES:
            raise MisuseError(f"{name} is longer than {_MOST_BYTES:,} bytes", "Name the JSON file of reason codes.")
        try:
            document = parse_json(content, name)
            found = _document(document)
            digest = sha256(canonical_json(document))
        except MalformedError as error:
            raise MisuseError(error.message, _NEXT) from error
        except ValueError as error:
            raise MisuseError(f"{name} cannot be used: {error}", _NEXT) from error
        return cls(**found, sha256=digest)

    def check(self, model_name: str, model_version: str, signature: Signature, rules: Sequence[Rule]) -> None:
        """See that the codes are for this model version.

        Raises
        ------
        MisuseError
            They are for another model or version, name a feature or rule that it lacks, give a direction to a feature
            that is no number, or call a decision adverse that it never makes, or every decision that it makes.
        """
        asked = f"{printable(model_name)} {printable(model_version)}"
        if self.model_name != model_name or (self.model_versions and model_version not in self.model_versions):
            versions = f" {', '.join(self.model_versions)}" if self.model_versions else ""
            raise MisuseError(
                f"the reason codes {self.version} are for {self.model_name}{versions}, not for {asked}",
                "Name the reason codes of that model.",
            )
        dtypes = {feature.name: feature.dtype for feature in signature.features}
        self._refuse("name features that the model lacks", asked, (e.subject for e in self.features), dtypes)
        numeric = [name for name, dtype in dtypes.items() if dtype in _NUMBERS]
        directed = (entry.subject for entry in self.features if entry.direction)
        self._refuse("give a direction to features that are no numbers", asked, directed, numeric)
        self._refuse("name rules that it lacks", asked, (e.subject for e in self.rules), [rule.name for rule in rules])
        output = signature.output
        labels = output.classes or tuple(side for side in (output.positive, output.negative) if side is not None)
        by_label = {output.decision(label) for label in labels}
        if labels or rules:
            made = {*by_label, *(rule.decision for rule in rules)}
            self._refuse("call decisions adverse that it never makes", asked, self.adverse, made)
        if labels and by_label <= set(self.adverse):
            raise MisuseError(
                f"the reason codes {self.version} call every decision of {asked} adverse", "Leave out the favourable."
            )

    def _refuse(self, what: str, asked: str, named: Any, known: Any) -> None:
        strange = sorted({printable(name) for name in named if name not in known})
        if strange:
            raise MisuseError(f"the reason codes {self.version} {what} ({asked}): {', '.join(strange)}", _NEXT)

    def entry(self, feature: str, direction: str | None) -> Entry | None:
        """Return the entry for a feature whose value lies on a side of the reference's middle one; None if none fits.

        Parameters
        ----------
        direction
            One of `DIRECTIONS`, or None where the value lies on neither side.
        """
        fitting = (each for each in self.features if each.subject == feature)
        return next((each for each in fitting if each.direction in {None, direction}), None)

    def rule(self, name: str) -> Entry | None:
        """Return the entry for a rule; None where there is none."""
        return next((each for each in self.rules if each.subject == name), None)


def _document(document: Any) -> dict[str, Any]:
    required = {"format", "format_version", "version", "model", "adverse_decisions", "features"}
    optional = frozenset({"model_versions", "rules", "description"})
    found = members(document, frozenset(required), "the document of reason codes", optional)
    if (found["format"], found["format_version"]) != (_FORMAT, _FORMAT_VERSION):
        raise ValueError(f"it is not of the format {_FORMAT}, version {_FORMAT_VERSION}")
    features = tuple(_entry(each, "feature") for each in _list(found, "features"))
    rules = tuple(_entry(each, "rule") for each in _list(found, "rules"))
    _check_once(features, rules)
    adverse = tuple(_text(each, "adverse decision") for each in _list(found, "adverse_decisions"))
    if not adverse:
        raise ValueError("it names no adverse decision")
    return {
        "version": _text(found["version"], "version"),
        "model_name": _text(found["model"], "model"),
        "model_versions": tuple(_text(each, "model version") for each in _list(found, "model_versions")),
        "adverse": adverse,
        "features": features,
        "rules": rules,
    }


def _check_once(features: tuple[Entry, ...], rules: tuple[Entry, ...]) -> None:
    """Refuse two entries for one feature that could both hold, and one code that says two things."""
    sides: dict[str, list[str | None]] = {}
    for entry in features:
        sides.setdefault(entry.subject, []).append(entry.direction)
    twice = [name for name, found in sides.items() if len(found) > 1 and sorted(map(str, found)) != [*DIRECTIONS]]
    names = [entry.subject for entry in rules]
    twice += [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"{printable(twice[0])} has more than one entry that could hold")
    texts: dict[str, str] = {}
    for entry in (*features, *rules):
        if texts.setdefault(entry.code, entry.reason) != entry.reason:
            raise ValueError(f"the code {printable(entry.code)} stands for two reasons")


def _entry(written: Any, kind: str) -> Entry:
    optional = {"direction", "group", "caution"} if kind == "feature" else {"caution"}
    found = members(written, frozenset({kind, "code", "reason"}), f"an entry for a {kind}", frozenset(optional))
    direction = found.get("direction")
    if direction is not None and direction not in DIRECTIONS:
        raise ValueError(f"the direction of {printable(str(found[kind]))} is not one of {', '.join(DIRECTIONS)}")
    given = {name: _text(found[name], name) for name in ("group", "caution") if found.get(name) is not None}
    code, reason = _text(found["code"], "code"), _text(found["reason"], "reason")
    return Entry(_text(found[kind], kind), code, reason, direction, **given)


def _text(written: Any, what: str) -> str:
    """Return a text of one line that says something: it stands in a notice."""
    if not isinstance(written, str) or not written.strip() or len(written) > _LONGEST or not written.isprintable():
        raise ValueError(f"a {what} is no text of one line and at most {_LONGEST} characters")
    return written


def _list(found: dict[str, Any], name: str) -> list[Any]:
    if isinstance(listed := found.get(name, []), list):
        return listed
    raise ValueError(f"{name} is no list")
