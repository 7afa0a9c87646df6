"""How a what-if was asked, and the Python that asks it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.sandbox import Limits

__all__ = ["Asked"]


@dataclass(frozen=True)
class Asked:
    """A question's parameters beside the changes.

    Parameters
    ----------
    explain, output, seed
        How the score is explained; None: not at all, and what the score is.
    codes, codes_sha256
        The file of reason codes, None where there were none or they were given as an object; and their digest.
    environment, trust, trusted_types, limits
        Where and whether the model may run.
    log, as_of, is_mapped
        What `audit_lab.open` was given: the log, the tree size of a sealed one, and whether a mapping goes with it.
    """

    explain: str | None = "shap"
    output: Literal["probability", "log-odds", "margin", "value"] | None = None
    seed: int = 0
    codes: str | None = None
    codes_sha256: str | None = None
    environment: str = "present"
    trust: tuple[str, ...] = ()
    trusted_types: tuple[str, ...] = ()
    limits: Limits | None = None
    log: str | None = None
    as_of: int | None = None
    is_mapped: bool = False

    def code(self, place: str, changes: Mapping[str, Any]) -> str:
        """Return the Python that asks the same question, and shows the answer; texts of the log are literals in it.

        A log that was opened through a mapping, and reason codes that are no file, are counted on as variables, and a
        comment says so.
        """
        lines = ["import audit_lab as al", ""]
        if self.is_mapped:
            lines.append("# mapping = the mapping through which the log was opened")
        if self.codes is None and self.codes_sha256 is not None:
            lines.append(f"# codes = the reason codes with the SHA-256 {self.codes_sha256}")
        opened = [repr(self.log or "."), *(["mapping"] if self.is_mapped else [])]
        opened += [f"as_of={self.as_of}"] if self.as_of is not None else []
        given = [repr(dict(changes)), *self._given()]
        return "\n".join(
            [
                *lines,
                f"decision = al.open({', '.join(opened)}).decision({place!r})",
                f"found = decision.what_if({', '.join(given)})",
                "al.view(found)",
                "",
            ]
        )

    def _given(self) -> list[str]:
        """Return the arguments that are not what they are when left out."""
        given = [] if self.explain == "shap" else [f"explain={self.explain!r}"]
        given += [f"output={self.output!r}"] if self.output is not None else []
        given += [f"seed={self.seed}"] if self.seed else []
        if self.codes_sha256 is not None:
            given.append("codes=codes" if self.codes is None else f"codes={self.codes!r}")
        given += [f"environment={self.environment!r}"] if self.environment != "present" else []
        given += [f"{name}={list(value)!r}" for name in ("trust", "trusted_types") if (value := getattr(self, name))]
        return given if self.limits is None else [*given, f"limits=al.{self.limits!r}"]

    def to_dict(self) -> dict[str, Any]:
        """Return what bears on the answer as JSON-safe values."""
        names = ("explain", "output", "seed", "codes_sha256", "environment")
        return {
            **{name: getattr(self, name) for name in names},
            **{name: list(getattr(self, name)) for name in ("trust", "trusted_types")},
        }
