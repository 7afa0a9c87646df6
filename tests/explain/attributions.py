"""An attribution that the tests of its type, its text and its cache begin from."""

from __future__ import annotations

from audit_lab.explain import Attribution, Background, Check, Contribution

__all__ = ["EXAMPLE"]

EXAMPLE = Attribution(
    prediction_id="p-1",
    method="shap",
    algorithm="exact enumeration of coalitions, interventional",
    output_explained="probability",
    label="late",
    contributions=(
        Contribution("hour", 19, 0.10),
        Contribution("carrier", "US", 0.25),
        Contribution("distance", 412.5, -0.05),
        Contribution("weekend", value=False, contribution=0.0002),
        Contribution("idle", None, 0.0),
    ),
    base_value=0.4,
    prediction_value=0.7002,
    background=Background("two rows", ("b-0", "b-1"), "ab" * 32),
    seed=0,
    library="shap",
    library_version="0.51.0",
    artifact_sha256="cd" * 32,
    checks=(Check("additivity", passed=True, detail="they add up"),),
    isolation={"network": "none"},
)
