"""Read a rule file: TOML that is checked key by key, and never evaluated."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.monitor.alerts.rule_values import KINDS, check_keys, check_name, named_text, refuse, shown
from audit_lab.monitor.alerts.rules import SEVERITIES, Rule, RuleSet
from audit_lab.monitor.alerts.target_tables import target_of
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FORMAT", "parse_rules", "read_rules", "rule_of"]

FORMAT = 1
_LARGEST_BYTES = 1_000_000
_MOST_RULES = 200
#: A rule stands in every alert that it raises, in bytes of JSON.
_LONGEST_RULE = 4_000
_COMMON = ("name", "kind", "severity", "notify", "model")


def read_rules(path: str | Path) -> RuleSet:
    """Read a rule file.

    Raises
    ------
    MisuseError
        It is missing, no TOML of the format, or a rule in it cannot be meant; the message names the table and the key.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise MisuseError(f"there is no rule file {file}", "Name one; `audit-lab watch --rules-example` prints one.")
    if file.stat().st_size > _LARGEST_BYTES:
        raise MisuseError(f"the rule file {file} is larger than 1 MB", "Rules are a few lines each; name another file.")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise MisuseError(f"cannot read the rule file {file}: {error.strerror}", "See that you may read it.") from error
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MisuseError(f"the rule file {file} is not UTF-8 at byte {error.start}", "Save it as UTF-8.") from error
    return parse_rules(text, str(file))


def parse_rules(text: str, name: str) -> RuleSet:
    """Read the text of a rule file; `name` is what it is called in messages.

    Raises
    ------
    MisuseError
        As `read_rules`.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise MisuseError(
            f"{name} is no TOML: {shown(str(error))}", "Correct it there; --rules-example prints a whole file."
        ) from error
    if document.get("format") != FORMAT or isinstance(document.get("format"), bool):
        raise MisuseError(
            f"{name} states the format {shown(document.get('format'))}", f"Begin it with `format = {FORMAT}`."
        )
    check_keys(document, ("format", "rule", "notify"), name)
    targets = tuple(
        target_of(each, f"{name}, [[notify]] {place}") for place, each in _tables(document, "notify", name, text)
    )
    rules = tuple(rule_of(each, f"{name}, [[rule]] {place}") for place, each in _tables(document, "rule", name, text))
    if not rules:
        raise MisuseError(f"{name} has no rule", "Add a [[rule]], or watch without a file.")
    for what, given in (("[[rule]]", [one.name for one in rules]), ("[[notify]]", [one.name for one in targets])):
        twice = sorted({one for one in given if given.count(one) > 1})
        if twice:
            raise MisuseError(f"{name} has two {what} named {shown(twice[0])}", "Give each a name of its own.")
    known = {one.name for one in targets}
    for rule in rules:
        unknown = sorted(set(rule.notify) - known)
        if unknown:
            raise MisuseError(
                f"{name}: the rule {shown(rule.name)} notifies {shown(unknown[0])}, which no [[notify]] describes",
                "Describe it in a [[notify]] of that name, or take it out.",
            )
    return RuleSet(rules, targets, name)


def rule_of(given: Mapping[str, Any], where: str = "the rule") -> Rule:
    """Read one rule from a table of a rule file, or from what an alert keeps of it.

    Raises
    ------
    MisuseError
        A key is unknown, missing, or holds what cannot be meant.
    """
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        refuse(where, f"its kind is {shown(kind)}", f"Use one of {', '.join(KINDS)}.")
    check_keys(given, (*_COMMON, *KINDS[kind]), where)
    name = check_name(given.get("name"))
    if name is None:
        refuse(where, "it has no name of 1 to 80 printable characters", 'Write name = "...".')
    where = f"{where} ({shown(name)})"
    severity, model, notify = given.get("severity", "medium"), given.get("model"), given.get("notify", [])
    if severity not in SEVERITIES:
        refuse(where, f"severity is {shown(severity)}", f"Use one of {', '.join(SEVERITIES)}.")
    if model is not None and named_text(model) is None:
        refuse(where, f"model is {shown(model)}", "Give a model's name, or leave it out: then each model is watched.")
    if not isinstance(notify, list | tuple) or not all(isinstance(one, str) for one in notify):
        refuse(where, f"notify is {shown(notify)}", 'Give a list of names, like ["on call"].')
    options = _options(kind, given, where)
    _check_limits(kind, options, where)
    rule = Rule(name, kind, options, severity, tuple(dict.fromkeys(notify)), model)
    if len(canonical_json(rule.to_dict())) > _LONGEST_RULE:
        refuse(where, "it is too long to stand in each of its alerts", "Name fewer columns, in several rules.")
    return rule


def _options(kind: str, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the keys of a kind, each checked, or as it is when it is left out."""
    options = {}
    for key, one in KINDS[kind].items():
        if key not in given:
            if one.is_needed:
                refuse(where, f"{key} is missing", f"Give {one.takes}.")
            options[key] = one.default
            continue
        options[key] = one.check(given[key])
        if options[key] is None:
            refuse(where, f"{key} is {shown(given[key])}", f"Give {one.takes}.")
    return options


def _check_limits(kind: str, options: Mapping[str, Any], where: str) -> None:
    if "above" not in options:
        return
    below, above = options["below"], options["above"]
    if below is None and above is None:
        refuse(where, "it has neither below nor above, so that it could never fire", "Give a limit.")
    if below is not None and above is not None and below >= above:
        refuse(where, f"below is {below:g} and above {above:g}: every value fires", "Give a lower below.")
    if kind == "performance" and options["estimates"] and options["of"] not in {"score", "label"}:
        refuse(where, f"there are no estimates of the {options['of']}", 'Take of = "score" or "label".')


def _tables(document: Mapping[str, Any], key: str, name: str, text: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the tables of a kind, each with its number and the line on which it begins, where that can be told."""
    given = document.get(key, [])
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given) or len(given) > _MOST_RULES:
        raise MisuseError(f"{name}: {key} is no list of at most {_MOST_RULES} tables", f"Write each as [[{key}]].")
    begins = [number for number, line in enumerate(text.splitlines(), 1) if re.match(rf"\s*\[\[\s*{key}\s*\]\]", line)]
    lines = [f" at line {number}" for number in begins] if len(begins) == len(given) else [""] * len(given)
    return [(f"{place}{line}", each) for place, (each, line) in enumerate(zip(given, lines, strict=True), 1)]
