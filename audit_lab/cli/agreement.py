"""How an agreement of explanations is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.cli import output

if TYPE_CHECKING:
    from audit_lab.explain.agreement import Agreement, Comparison

__all__ = ["show_agreement"]


def show_agreement(found: Agreement, *, as_json: bool) -> int:
    """Print SHAP beside LIME and the explanations of record; return 1 when a check failed or any two disagree."""
    from audit_lab.explain.agreement import DISAGREE

    if as_json:
        output.print_json(found.to_dict())
    else:
        output.title(f"Explanations of {found.prediction_id} beside each other")
        output.lines(found.summary())
        for each in (found.methods, *found.of_record):
            _show_comparison(each)
        output.facts({"SHAP digest": found.shap.digest, "LIME digest": found.lime.digest})
        output.lines(f"{name}: {meaning}" for name, meaning in found.methods.rules.items())
    checks = (*found.shap.checks, *found.lime.checks)
    verdicts = [each.verdict for each in (found.methods, *found.of_record)]
    return int(not all(check.passed for check in checks) or DISAGREE in verdicts)


def _show_comparison(each: Comparison) -> None:
    first, second = each.first.contributions, each.second.contributions
    names = sorted({**first, **second}, key=lambda name: (-abs(first.get(name, 0.0)), name))
    output.table(
        ("feature", each.first.name, each.second.name),
        [(name, first.get(name), second.get(name)) for name in names],
    )
