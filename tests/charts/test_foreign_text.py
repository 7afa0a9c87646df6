"""Text that XML cannot hold is drawn as its number, whatever draws it; the renderer would end the process."""

from __future__ import annotations

import json
import subprocess
import sys

import polars as pl
import pytest

from audit_lab.charts.drawable import drawable
from audit_lab.charts.render import svg

#: Draws every kind of chart with one text wherever a log could have written it; the text comes as JSON.
PROGRAM = r"""
import json
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
import altair as alt
import polars as pl
from audit_lab import charts

bad = json.loads(sys.argv[1])
in_frames = "x" if bad == chr(0xD800) else bad  # polars itself takes no half of a surrogate pair
start, day = datetime(2015, 6, 1, tzinfo=UTC), timedelta(days=1)
words = {"title": bad, "subtitle": [bad], "axis_title": bad}
shares = pl.DataFrame({"feature": [in_frames, "b"], "value": [in_frames, "1"], "contribution": [0.2, -0.1]})
ranked = shares.select(
    "feature", pl.lit(in_frames).alias("unit"), pl.lit(0.2).alias("mean_magnitude"), pl.lit(0.1).alias("mean"),
    pl.lit(-0.3).alias("least"), pl.lit(0.4).alias("most"),
)
kept = pl.DataFrame({
    "feature": [in_frames], "kind": ["sample"], "prediction_id": [in_frames], "value": [in_frames], "number": [None],
    "bin": [0], "position": [None], "contribution": [0.2],
}, schema_overrides={"number": pl.Float64, "position": pl.Float64})
binned = pl.DataFrame({
    "bin": [0], "kind": ["text"], "label": [in_frames], "lowest": [None], "highest": [None], "rows": [9], "mean": [0.2],
    "spread": [0.1], "lower_quartile": [0.1], "upper_quartile": [0.3], "expression": [in_frames],
}, schema_overrides={"lowest": pl.Float64, "highest": pl.Float64})
parted = shares.select(
    "feature", pl.lit(in_frames).alias("unit"), pl.lit(0.1).alias("group_mean"), pl.lit(0.3).alias("reference_mean"),
    pl.lit(-0.2).alias("mean"), pl.lit(-0.3).alias("mean_low"), pl.lit(-0.1).alias("mean_high"),
)
windows = {"window_start": [start], "window_end": [start + 7 * day], "rows": [9]}
table = pl.DataFrame({
    **windows, "column": [f"weird\n{in_frames}"], "kind": ["numeric"], "psi": [0.3], "psi_noise": [0.02],
    "js_distance": [0.1], "ks": [0.1], "missing_rate": [0.0], "vanished_categories": [[in_frames]],
    "verdict": ["major"],
})
dated = pl.DataFrame({
    **windows, "column": [in_frames], "statistic": ["share"], "category": [in_frames], "value": [0.2],
    "at": [start], "earliest": [start], "latest": [start], "before": [0.1], "after": [0.3], "since": [start - day],
    "until": [start + 7 * day],
})
bins = pl.DataFrame({
    "bin": [in_frames], "order": [0], "reference_rows": [1], "window_rows": [1],
    "reference_share": [1.0], "window_share": [1.0],
})
slots = pl.DataFrame({
    "deployment_id": [in_frames], "from_time": [start], "model_version": [in_frames], "traffic_share": [1.0],
    "model_name": [in_frames], "environment": [in_frames],
})
events = pl.DataFrame({"at": [start + day], "summary": [in_frames]})
labelled = pl.DataFrame({**windows, "positives": [3]})
lineage = (
    pl.DataFrame({
        "node": [in_frames, "b"], "kind": [in_frames, "run"], "label": [in_frames, "b"], "facts": [in_frames] * 2,
        "described": [True, False], "in_cycle": [True, False], "is_root": [True, False],
    }),
    pl.DataFrame({
        "source": [in_frames, "b"], "target": ["b", "b"], "relation": [in_frames] * 2, "stated_by": [in_frames] * 2,
        "at": [start] * 2, "transformation": [in_frames] * 2,
    }),
)
judged = pl.DataFrame({
    **windows, "model_version": [in_frames], "known": ["now"], "of": ["score"], "measure": ["auc"], "value": [0.7],
    "low": [0.6], "high": [0.8], "status": ["measured"], "estimated": [False], "grouping": [in_frames],
    "group": [in_frames],
})
curve = pl.DataFrame({
    "bin": [0], "lower": [0.0], "upper": [0.1], "rows": [9], "mean_score": [0.05], "positive_share": [0.1],
    "low": [0.0], "high": [0.3],
})
scores = pl.DataFrame({"lower": [0.0], "upper": [1.0], "rows": [1]})
covered = pl.DataFrame({
    "model_name": [in_frames], "model_version": [in_frames], "window_start": [start], "window_end": [start + 7 * day],
    "code": [in_frames], "predictions": [9], "reconstructable": [5], "replayable": [5],
})
groups = pl.DataFrame({"group": ["g"], "value": [in_frames], "decided": [9], "affected": [2]})
turned = pl.DataFrame({"decision_before": [in_frames], "decision_after": ["b"], "decisions": [2]})
moved = pl.DataFrame({
    "score_before": [0.2, 0.3], "score_after": [0.6, 0.7],
    "decision_before": [in_frames, "b"], "decision_after": ["b", in_frames],
})
cases = pl.DataFrame({"rank": [1], "prediction_id": [in_frames], "decision": [in_frames], "distance": [0.1]})
apart = pl.DataFrame({
    "rank": [1], "feature": [in_frames], "unit": [in_frames], "this": [in_frames], "other": ["b"], "part": [0.5],
})
tried = SimpleNamespace(
    headline=bad, caption=[bad], threshold=0.5, score_title=bad, score_range=(0.0, 1.0), share_title=bad,
    sides=pl.DataFrame({
        "side": ["original", "changed"], "score": [0.4, None], "decision": [in_frames, None],
        "refused": [None, in_frames],
    }),
    rows=pl.DataFrame({
        "feature": [in_frames], "unit": [in_frames], "recorded": [in_frames], "value": ["b"], "is_changed": [True],
        "contribution": [0.2], "changed_contribution": [-0.1], "difference": [-0.3],
    }),
)
alerts = table.select(
    "window_start", "window_end", "column", "rows", alert=pl.lit(in_frames), state=pl.lit("open"),
    severity=pl.lit("high"), rule=pl.lit(in_frames), model=pl.lit(in_frames), version=pl.lit(in_frames),
    value=pl.lit(0.3), what=pl.lit(in_frames), raised_at="window_end",
)
drawn = {
    "alert_timeline": charts.alert_timeline(alerts),
    "what_if": charts.what_if(tried),
    "impact_by_group": charts.impact_by_group(groups, "g", subtitle=[bad]),
    "decision_flow": charts.decision_flow(turned, subtitle=[bad]),
    "score_before_after": charts.score_before_after(moved, subtitle=[bad]),
    "performance_timeline": charts.performance_timeline(judged, model=bad),
    "calibration_curve": charts.calibration_curve(curve, positive=bad, window=bad, model=bad),
    "group_comparison": charts.group_comparison(judged, "auc", favourable=bad, window=bad),
    "cause_waterfall": charts.cause_waterfall(
        pl.DataFrame({
            "label": [in_frames, in_frames, "after"], "kind": ["before", "cause", "after"], "value": [0.1, 0.2, 0.3],
            "low": [None, 0.1, None], "high": [None, 0.3, None], "start": [0.0, 0.1, 0.0], "end": [0.1, 0.3, 0.3],
        }),
        **words,
    ),
    "comparable_table": charts.comparable_table(cases, apart, decision=bad, title=bad, subtitle=[bad]),
    "counterfactual_table": charts.counterfactual_table(cases, apart, decision=bad, title=bad, subtitle=[bad]),
    "coverage_chart": charts.coverage_chart(covered, covered),
    "attribution_bars": charts.attribution_bars(shares, **words),
    "attribution_beeswarm": charts.attribution_beeswarm(ranked, kept, **words),
    "attribution_contrast": charts.attribution_contrast(parted, **words),
    "attribution_dependence": charts.attribution_dependence(binned, kept, feature=bad, unit=bad, **words),
    "attribution_force": charts.attribution_force(shares, base_value=0.4, prediction_value=0.5, **words),
    "attribution_importance": charts.attribution_importance(ranked, **words),
    "shap_against_lime": charts.shap_against_lime(shares, shares, **words),
    "waterfall": charts.waterfall(shares, base_value=0.4, prediction_value=0.5, **words),
    "score_against_threshold": charts.score_against_threshold(
        0.5, 0.4, distribution=scores, positive=bad, negative=bad, subtitle=bad
    ),
    "distribution": charts.distribution(bins, column=bad, window=bad, reference=bad),
    "drift_heatmap": charts.drift_heatmap(table, reference=bad),
    "drift_ridge": charts.drift_ridge(
        pl.DataFrame({
            **windows, "window": [in_frames], "verdict": ["major"], "part": ["inside"], "lower": [0.0], "upper": [1.0],
            "window_rows": [9.0], "reference_rows": [9.0],
        }),
        column=bad, reference=bad,
    ),
    "drift_timeline": charts.drift_timeline(table, table["column"][0], reference=bad),
    "lineage_graph": charts.lineage_graph(*lineage, subtitle=bad),
    "onset_line": charts.onset_line(
        dated.select("window_start", "window_end", "value", "rows"), dated, in_frames, "share", in_frames,
        subtitle=[bad],
    ),
    "operations_lines": charts.operations_lines(
        dated.select(
            "window_start", "window_end", "rows", group="column", p95_ms="value", p95_low_ms="before",
            p95_high_ms="after",
        ),
        by=bad,
    ),
    "segment_bars": charts.segment_bars(
        dated.select(
            segment="column", contribution="value", mean_before="before", mean_after="after", before="rows",
            after="rows", p_value="value", leads=pl.lit(True),
        ),
        subtitle=[bad],
    ),
    "outcome_rate": charts.outcome_rate(labelled, label=bad),
    "versions": charts.versions(slots, end=start + 9 * day),
    "volume": charts.volume(pl.DataFrame(windows), events=events, subject=bad),
}
assert set(drawn) == set(charts.__all__) - {"enable_offline", "interactive_html", "png", "svg"}
charts.enable_offline()
for name, chart in drawn.items():
    text = charts.svg(chart)
    assert chart._repr_mimebundle_()["image/svg+xml"] == text, name
    assert charts.png(chart).startswith(b"\x89PNG"), name
    print(name, f"&lt;U+{ord(bad[0]):04X}&gt;" in text)
"""


#: Such a character, and texts that become one where something reads them once more.
@pytest.mark.parametrize(
    "text",
    ["\x1b" + r"""\x1b \u0000 \b \033 "+' ${x}""", pytest.param("\ufffe", marks=pytest.mark.soak), "\ud800"],
    ids=["escape", "no character", "surrogate"],
)
def test_no_text_ends_the_process_and_every_chart_shows_its_number(text):
    command = [sys.executable, "-c", PROGRAM, json.dumps(text)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    shown = dict(line.split() for line in done.stdout.splitlines())
    assert len(shown) == 32
    without = {"alert_timeline", "coverage_chart", "versions"} if text == "\ud800" else set()
    assert {name for name in shown if shown[name] == "False"} == without


def test_names_and_texts_at_any_depth_are_escaped_and_nothing_else_changes():
    spec = {"a\x00": [{"b": "tab\t, line\n, \u202e, \U0001f600"}, 1.5, None, True], "c": ("\uffff",)}
    assert drawable(spec) == {
        "a<U+0000>": [{"b": "tab\t, line\n, [U+202E], \U0001f600"}, 1.5, None, True],
        "c": ["<U+FFFF>"],
    }


def test_a_decision_with_foreign_names_is_shown(make_log):
    name = pl.lit("2\x1b[31m")
    log = make_log(
        predictions=lambda frame: frame.with_columns(model_version=name, decision=name),
        model_versions=lambda frame: frame.with_columns(model_version=name),
    )
    code = "import sys, audit_lab as al; al.view(al.open(sys.argv[1]).decision('p-001'))"
    done = subprocess.run([sys.executable, "-c", code, log], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text", ['a \\" + warn(1) + "', "a\\' + warn(1) + '", "a\\", "a\nb\r\u2028\u2029"])
def test_no_title_ends_the_text_that_it_stands_in_within_a_description(text):
    import altair as alt

    rows = alt.InlineData([{"a": 1, "b": 2}])
    axes = {"x": alt.X("a:Q", title=text), "y": alt.Y("b:Q"), "color": alt.Color("b:Q", title=text)}
    drawn = svg(alt.Chart(rows).mark_point().encode(**axes))
    assert "<U+" in drawn.replace("&lt;", "<")
    assert drawable({"title": "C:\\data", "text": "C:\\data"}) == {"title": "C:<U+005C>data", "text": "C:\\data"}
