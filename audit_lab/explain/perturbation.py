"""What a feature that is left out takes: the names of the two ways, which both sides of the sandbox use."""

from __future__ import annotations

from typing import Final

__all__ = ["INTERVENTIONAL", "PATH_DEPENDENT", "PERTURBATIONS"]

#: The values of the background rows.
INTERVENTIONAL: Final = "interventional"
#: What the training data had in the branches of the trees.
PATH_DEPENDENT: Final = "path-dependent"
PERTURBATIONS = (INTERVENTIONAL, PATH_DEPENDENT)
