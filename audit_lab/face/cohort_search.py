"""Which decisions attributions of a group are about, as a user says it: ids or places, an expression, a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.explain.cohorts import Asked
from audit_lab.log.index.batch_lookup import find_predictions
from audit_lab.log.search.query import Question, instant

if TYPE_CHECKING:
    from audit_lab.face.asked_for import AskedFor
    from audit_lab.face.replays import When
    from audit_lab.log.store import LogStore

__all__ = ["cohort_asked"]


def cohort_asked(
    store: LogStore, named: AskedFor, *, since: When, until: When, model: str | None, version: str | None
) -> Asked:
    """Return the question.

    Raises
    ------
    MisuseError
        Ids stand beside a window, or a time cannot be read.
    LogError
        The predictions cannot be read.
    """
    ids = named.ids
    if ids is None:
        expression: Any = named.what
        question = Question(expression, instant(since, "since"), instant(until, "until"), model)
        return Asked(store, question, version=version)
    if since is not None or until is not None:
        raise MisuseError(
            "ids were given together with since or until",
            "Ids already say which decisions are meant: leave the others out, or search by an expression.",
        )
    found = find_predictions(store, ids, ["prediction_id"])
    known = found.answers.filter(found.answers["places"] > 0)
    asked = tuple(known["prediction_id"].unique(maintain_order=True).drop_nulls())
    return Asked(store, Question(model=model), ids=asked, version=version, not_found=ids.len() - known.height)
