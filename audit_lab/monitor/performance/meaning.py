"""What a model's output means by the registry: which label is the positive one, and which decision each leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import MisuseError, ModelError
from audit_lab.log.files.reading import collect
from audit_lab.replay.registration import registered_row
from audit_lab.replay.signature import Output, Signature

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["Meaning", "meaning_of"]


@dataclass(frozen=True)
class Meaning:
    """What outputs, decisions and outcomes of a model mean.

    Parameters
    ----------
    output
        As the signature states it; of kind ``probability`` without a signature, where `positive` was given.
    others
        Versions whose registered output means something else: their predictions cannot stand beside the others.
    facts
        What was assumed, in sentences.
    """

    output: Output
    others: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels: the positive one first, or those of a model with several; none where it puts out a number."""
        if self.output.positive is not None:
            return (self.output.positive, self.output.negative or "")
        return self.output.classes

    @property
    def is_binary(self) -> bool:
        """Whether there is a positive label."""
        return self.output.positive is not None and self.output.kind != "regression"

    @property
    def has_probability(self) -> bool:
        """Whether the score is the probability of the positive label."""
        return self.is_binary and self.output.kind == "probability"

    def decision(self, label: str) -> str:
        """Return the decision that a label leads to."""
        return self.output.decision(label) or label


def meaning_of(store: LogStore, model: str, positive: str | None = None) -> Meaning:
    """Return what a model's output means: as its version registered last says it.

    Parameters
    ----------
    store, model
        The log and the model.
    positive
        The label that is the positive one: needed where the registry does not say, and where it names another one,
        the sides are exchanged.

    Raises
    ------
    MisuseError
        The registry does not say, and `positive` was not given; or it is not one of the two labels.
    """
    rows = collect(
        store.table("model_versions").filter(pl.col("model_name") == model).select("model_version", "recorded_at"),
        f"the registry of {store.location}",
    )
    outputs: dict[str, Output] = {}
    for version in rows.sort("recorded_at", "model_version", nulls_last=False)["model_version"].drop_nulls():
        try:
            row, _ = registered_row(store, model, version)
            outputs[version] = Signature.parse(row["signature"], f"{model} {version}").output
        except ModelError:
            outputs.pop(version, None)
    if not outputs:
        if positive is None:
            raise MisuseError(
                f"the registry does not say what the outputs of {model} mean",
                "Name the label that the score is the probability of, as positive=... or --positive.",
            )
        assumed = f"no registered signature: the score is taken as the probability of {positive}, every other label"
        return Meaning(Output("probability", positive), (), (f"{assumed} as its opposite",))
    output = list(outputs.values())[-1]
    others = tuple(sorted(version for version, each in outputs.items() if _sides(each) != _sides(output)))
    if positive is not None:
        _check_positive(output, positive)
    return Meaning(output, others)


def _sides(output: Output) -> tuple[object, ...]:
    return output.kind, output.positive, output.negative, output.decisions, output.classes


def _check_positive(output: Output, positive: str) -> None:
    if output.positive is None:
        raise MisuseError(
            f"positive is {positive!r}, but a model whose output is of kind {output.kind} has no positive label",
            "Leave positive out.",
        )
    if positive != output.positive:
        raise MisuseError(
            f"positive is {positive!r}, but by the registry the score speaks of {output.positive!r}",
            f"Leave it out, or give {output.positive!r}.",
        )
