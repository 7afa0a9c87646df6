"""Whether a model takes the features that the signature names, in its order: a reorder is never a silent answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.replay.models.scorer import ModelFault, Note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.replay.models.scorer import Scorer
    from audit_lab.replay.signature import Feature

__all__ = ["check_categories", "check_count", "check_names", "differ"]

_SHOWN = 5


def check_names(scorer: Scorer, names: Sequence[str], *, in_order: bool = True) -> None:
    """Refuse a model whose feature names are not the signature's.

    Parameters
    ----------
    scorer
        The model and the signature.
    names
        What the model calls its features.
    in_order
        Whether the model takes them by position; where it takes them by name, their order does not matter.

    Raises
    ------
    ModelFault
        Code ``features-differ``; the message names what is missing, what is too many, or what stands elsewhere.
    """
    stated = scorer.signature.names
    if tuple(names) == stated or (not in_order and len(names) == len(stated) and set(names) == set(stated)):
        return
    missing = [name for name in names if name not in stated]
    extra = [name for name in stated if name not in names]
    said = [f"it takes {_listed(missing)}, which the signature does not have"] if missing else []
    said += [f"the signature has {_listed(extra)}, which it does not take"] if extra else []
    if not said:
        moved = [name for name, other in zip(names, stated, strict=False) if name != other]
        said = [f"its order is another one than the signature's, from {moved[0] if moved else names[0]!r} on"]
    raise differ(scorer, "; ".join(said))


def check_count(scorer: Scorer, count: int | None) -> None:
    """Compare the number of features of a model that carries no names, and note that nothing else was checked.

    Raises
    ------
    ModelFault
        Code ``features-differ``.
    """
    stated = len(scorer.signature.features)
    if count is not None and count != stated:
        raise differ(scorer, f"it takes {count} features, the signature has {stated}")
    checked = "only their number was checked" if count is not None else "not even their number could be checked"
    message = f"the {scorer.noun} carries no feature names: {checked}, not their order"
    scorer.notes.append(Note("names-not-checked", message))


def check_categories(scorer: Scorer, feature: Feature, known: Sequence[str]) -> None:
    """Refuse a model that keeps the categories of a feature, where the signature lists others or in another order.

    Raises
    ------
    ModelFault
        Code ``features-differ``.
    """
    stated = feature.categories
    if stated is not None and tuple(known) != stated:
        raise differ(
            scorer,
            f"the categories of {feature.name} are {_listed(known)} in its file and {_listed(stated)} in the signature",
        )


def differ(scorer: Scorer, what: str) -> ModelFault:
    """Return the fault of a model whose features are not those of the signature."""
    return ModelFault("features-differ", f"the {scorer.noun} and the registry's signature do not fit: {what}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(str, names[:_SHOWN])) + more
