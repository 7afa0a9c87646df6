"""Notebook cells that the library writes: from a closed list of its own questions, the same bytes for everybody.

A verifier writes them again from a bundle's ``investigation.json`` and runs those, which are then its own code, and no
others. A step is read from the query that an exhibit was kept with; nothing of a query is ever run, it is only
recognised.
"""

from __future__ import annotations

import ast
import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from audit_lab.case.exhibit import Exhibit

__all__ = [
    "QUESTIONS",
    "Step",
    "generated_sources",
    "notebook_bytes",
    "parsed_step",
    "relative_path",
    "stated_steps",
    "step_of",
    "steps_of",
]


@dataclass(frozen=True)
class _Question:
    """How a question is asked, with a place for each parameter, and what these may be; None: any text but none."""

    query: str
    parameters: Mapping[str, re.Pattern[str] | None]
    title: str


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_METHOD = re.compile("shap|lime")


#: Everything that a generated cell may ask.
QUESTIONS: Mapping[str, _Question] = {
    "verify": _Question("log.verify()", {}, "The log, verified"),
    "coverage": _Question("log.coverage().table", {}, "Which predictions can be replayed, and why the others cannot"),
    "drift": _Question("log.drift()", {}, "Drift against the first weeks"),
    "decision": _Question("log.decision({id})", {"id": None}, "Decision {id}"),
    "replay": _Question("log.decision({id}).replay()", {"id": None}, "Replay of {id}"),
    "explain": _Question(
        "log.decision({id}).explain({method})", {"id": None, "method": _METHOD}, "{id}, explained by {method}"
    ),
    "lineage": _Question("log.decision({id}).lineage_graph()", {"id": None}, "What {id} came from"),
    "decisions": _Question("log.decisions({expression})", {"expression": None}, "Decisions where {expression}"),
    "onset": _Question("log.onset()", {}, "When something changed, column by column"),
    "cause": _Question("log.cause(since={since})", {"since": _DAY}, "Why the score is another since {since}"),
    "performance": _Question("log.performance()", {}, "Performance by month"),
    "fairness": _Question(
        "log.fairness([{group}], favourable={favourable})",
        {"group": None, "favourable": None},
        "How often it came to {favourable}, by {group}",
    ),
    "impact": _Question(
        "log.impact(al.Correction.version({version}))",
        {"version": None},
        "Who would have been decided otherwise by version {version}",
    ),
    "impact-unit": _Question(
        "log.impact(al.Correction.unit({feature}, {conversion}))",
        {"feature": None, "conversion": None},
        "Who would have been decided otherwise, had {feature} been converted ({conversion})",
    ),
}
_LAST = "for exhibit in case.exhibits:\n    print(exhibit.number, exhibit.id, exhibit.title)"
_LONGEST = 1_000


@dataclass(frozen=True)
class Step:
    """One question with its parameters, by name."""

    question: str
    parameters: Mapping[str, str]

    def query(self) -> str:
        """Return the question as Python: literals and names of the library alone."""
        return QUESTIONS[self.question].query.format(**{name: ascii(text) for name, text in self.parameters.items()})

    def title(self) -> str:
        """Return the usual title of the answer."""
        return QUESTIONS[self.question].title.format(**self.parameters)

    def to_dict(self) -> dict[str, Any]:
        """Return the step as it stands in ``investigation.json``, beside the exhibit that it made."""
        return {"question": self.question, "parameters": dict(self.parameters)}


def parsed_step(text: str) -> Step:
    """Return the step that a person wrote: ``drift``, ``replay:ID``, ``explain:ID:shap``.

    Raises
    ------
    MisuseError
        There is no such question, or its parameters are others.
    """
    name = text.partition(":")[0]
    known = QUESTIONS.get(name)
    if known is None:
        raise MisuseError(f"there is no question {name!a}", f"Ask one of {', '.join(QUESTIONS)}.")
    names = list(known.parameters)
    values = _values(text, len(names))
    if len(values) != len(names):
        raise MisuseError(f"{text!a} has not the parameters of {name}", f"Write {':'.join([name, *names])}.")
    step = Step(name, dict(zip(names, values, strict=True)))
    if not _is_valid(step):
        raise MisuseError(f"{text!a} has a parameter that {name} does not know", "See docs/rerun.md for the questions.")
    return step


def _values(text: str, count: int) -> list[str]:
    """Return the parameters of a step: the first may hold colons, as ids do; those behind it are split off."""
    rest = text.partition(":")[2]
    return rest.rsplit(":", max(0, count - 1)) if rest else []


def step_of(query: str) -> Step | None:
    """Return the step whose query this is, exactly; None for every other text."""
    if len(query) > _LONGEST:
        return None
    try:
        tree = ast.parse(query, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    for name, known in QUESTIONS.items():
        if len(values) == len(known.parameters):
            for order in (values, values[::-1]):
                step = Step(name, dict(zip(known.parameters, order, strict=True)))
                if _is_valid(step) and step.query() == query:
                    return step
    return None


def _is_valid(step: Step) -> bool:
    known = QUESTIONS[step.question].parameters
    return all(
        text and ((wanted := known[name]) is None or wanted.fullmatch(text) is not None)
        for name, text in step.parameters.items()
    )


def generated_sources(case: Mapping[str, str], log_path: str, steps: Iterable[tuple[Step, str]]) -> list[str]:
    """Return the source of every cell of a generated notebook.

    Parameters
    ----------
    case
        The case's ``id``, ``question``, ``actor`` and ``purpose``.
    log_path
        Where the notebook finds the log, relative to itself.
    steps
        Each step, and the title of its exhibit.
    """
    about = "".join(f"    {name}={case[name]!a},\n" for name in ("question", "actor", "purpose"))
    first = (
        f"import audit_lab as al\n\nlog = al.open({log_path!a})\n"
        f"case = al.Case.create(\n    {case['id']!a},\n    log,\n{about})\nlog"
    )
    asked = [
        f"answer = {step.query()}\ncase.keep(answer, {title!a}, query={step.query()!a})\nanswer"
        for step, title in steps
    ]
    return [first, *asked, _LAST]


def steps_of(exhibits: Iterable[Exhibit]) -> list[dict[str, Any]]:
    """Return the steps of ``investigation.json``: those of the exhibits whose query is one of the questions."""
    known = [(exhibit.id, step_of(exhibit.query)) for exhibit in exhibits]
    return [{"exhibit": exhibit_id, **step.to_dict()} for exhibit_id, step in known if step is not None]


def stated_steps(investigation: Mapping[str, Any]) -> list[tuple[Step, str]]:
    """Return the steps of somebody's ``investigation.json``, with the titles of their exhibits.

    Steps that this release does not know are left out: their cells are then somebody's code.
    """
    titles = {each["id"]: each["title"] for each in investigation["exhibits"]}
    found = []
    for stated in investigation["steps"]:
        question, parameters = (stated.get(name) for name in ("question", "parameters"))
        known = QUESTIONS.get(question) if isinstance(question, str) else None
        if known is None or not isinstance(parameters, dict) or parameters.keys() != known.parameters.keys():
            continue
        step, title = Step(str(question), parameters), titles.get(stated.get("exhibit"))
        if isinstance(title, str) and all(isinstance(text, str) for text in parameters.values()) and _is_valid(step):
            found.append((step, title))
    return found


def notebook_bytes(case: Mapping[str, str], log_path: str, steps: Sequence[Step]) -> bytes:
    """Return a notebook of generated cells, ready to be exported."""
    sources = generated_sources(case, log_path, [(step, step.title()) for step in steps])
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": f"# {case['id']}\n\n{case['question']}"}
    ]
    for number, source in enumerate(sources, start=1):
        code = {"cell_type": "code", "id": f"step-{number}", "metadata": {}, "source": source}
        cells.append({**code, "execution_count": None, "outputs": []})
    value = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    return (json.dumps(value, indent=1, ensure_ascii=True) + "\n").encode()


def relative_path(log: Path, notebook: Path) -> str:
    """Return where a notebook finds a log: relative, so that a verifier can show it another copy there."""
    return os.path.relpath(log.resolve(), notebook.resolve().parent).replace(os.sep, "/")
