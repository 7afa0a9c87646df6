"""Axe, held to WCAG 2.1, levels A and AA."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}


def violations(page, context=None):
    """Return what axe finds, as rule and the places where it was broken."""
    found = Axe().run(page, context, RULES).response["violations"]
    return {each["id"]: [f"{node['html'][:200]} {node['failureSummary']}" for node in each["nodes"]] for each in found}
