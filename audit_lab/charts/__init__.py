"""Pictures of an audit log: functions from an aggregated frame to an altair chart, and charts to SVG or PNG.

Each function takes rows that are counted already, so that a log of a hundred million rows draws as quickly as one of a
thousand, and writes into the title which rows, window and version the picture speaks of. Nothing loads from the
network: :func:`svg` and :func:`png` render in this process, and so does a notebook that shows a chart of this package;
:func:`interactive_html` makes a page that holds all it needs.
"""

from __future__ import annotations

from audit_lab.charts.alerts import alert_timeline
from audit_lab.charts.attribution import attribution_bars, shap_against_lime, waterfall
from audit_lab.charts.before_after import distribution
from audit_lab.charts.beside import what_if
from audit_lab.charts.cohort import attribution_beeswarm, attribution_importance
from audit_lab.charts.comparable import comparable_table
from audit_lab.charts.contrast import attribution_contrast
from audit_lab.charts.counterfactual import counterfactual_table
from audit_lab.charts.coverage import coverage_chart
from audit_lab.charts.decision import score_against_threshold
from audit_lab.charts.dependence import attribution_dependence
from audit_lab.charts.drift import drift_timeline
from audit_lab.charts.fairness import group_comparison
from audit_lab.charts.force import attribution_force
from audit_lab.charts.heat_map import drift_heatmap
from audit_lab.charts.impact import decision_flow, impact_by_group, score_before_after
from audit_lab.charts.interactive import interactive_html
from audit_lab.charts.lineage import lineage_graph
from audit_lab.charts.onset import onset_line
from audit_lab.charts.operations import operations_lines
from audit_lab.charts.performance import calibration_curve, performance_timeline
from audit_lab.charts.render import enable_offline, png, svg
from audit_lab.charts.ridge import drift_ridge
from audit_lab.charts.segments import segment_bars
from audit_lab.charts.steps import cause_waterfall
from audit_lab.charts.timeline import outcome_rate, versions, volume

__all__ = [
    "alert_timeline",
    "attribution_bars",
    "attribution_beeswarm",
    "attribution_contrast",
    "attribution_dependence",
    "attribution_force",
    "attribution_importance",
    "calibration_curve",
    "cause_waterfall",
    "comparable_table",
    "counterfactual_table",
    "coverage_chart",
    "decision_flow",
    "distribution",
    "drift_heatmap",
    "drift_ridge",
    "drift_timeline",
    "enable_offline",
    "group_comparison",
    "impact_by_group",
    "interactive_html",
    "lineage_graph",
    "onset_line",
    "operations_lines",
    "outcome_rate",
    "performance_timeline",
    "png",
    "score_against_threshold",
    "score_before_after",
    "segment_bars",
    "shap_against_lime",
    "svg",
    "versions",
    "volume",
    "waterfall",
    "what_if",
]
