"""The code of every view reproduces what is shown in it, whatever was chosen there."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from reproducing import controls_of, others, shown_by, toggles_of

import audit_lab as al
from audit_lab.errors import MisuseError

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SEX, AGE = "personal_status_and_sex", "age_in_years"
AROUND = {"after": ("2015-09-28", "2015-10-01"), "before": ("2015-09-21", "2015-09-24"), "rows": 60, "anyway": True}
ABOUT = {"question": "Why was it denied?", "actor": "Ida Berg", "purpose": "a complaint"}


def both_versions(frame):
    other = {"model_version": "2", "decision_rules": "[]", "threshold": 0.45}
    return pl.concat([frame, frame.with_columns(**{name: pl.lit(value) for name, value in other.items()})])


def alerts(logs):
    """Return the view of an alert in each of two versions, one of which has been closed."""
    log, record = logs["failed"], logs["folder"] / "kept"
    log.raise_alerts(now=NOW, record=record)
    said = {"actor": "Ada", "role": "owner", "conclusion": "no action", "reason": "known", "although": "it is"}
    log.revalidate(log.alerts(record=record).table["id"][0], **said, now=NOW, record=record)
    return al.view(log.alerts(record=record))


def attributions(logs):
    decision = logs["small"].decision("p-001")
    return al.view(decision.explain("shap"), decision.explain("lime"), decision=decision)


def case(logs):
    log = logs["small"]
    return al.view(al.Case.create("C-1", log, **ABOUT, decision=log.decision("p-030"), folder=logs["folder"] / "cases"))


def impact(logs):
    corrections = [al.Correction.unit("income", factor=0.5), al.Correction.threshold(0.6, where="inputs.city = 'Oslo'")]
    return al.view(
        logs["small"].impact(corrections, "inputs.years >= 0", groups=("city", "model_version"), subjects=False)
    )


def fairness(logs):
    bands = {"bands": {AGE: [25, 40, 60]}, "intersections": False, "every": "1mo"}
    return al.view(logs["lent"].fairness([SEX, AGE], favourable="approve", **bands))


#: A view of each kind with controls, as it is made of logs and a folder.
SHOWN = {
    "AgreementView": lambda logs: al.view(logs["small"].decision("p-001").agreement()),
    "AlertsView": alerts,
    "AttributionView": attributions,
    "BatchReplayView": lambda logs: al.view(logs["small"].replay(causes=False)),
    "CaseBoardView": case,
    "CauseView": lambda logs: al.view(logs["flown"].cause(**AROUND, columns=["carrier", "distance_miles"])),
    "CohortView": lambda logs: al.view(logs["small"].attributions(version="1", rows=30)),
    "ComparableView": lambda logs: al.view(logs["small"].decision("p-030").comparable()),
    "CoverageView": lambda logs: al.view(logs["small"].coverage()),
    "DecisionView": lambda logs: al.view(logs["small"].decision("p-001")),
    "DecisionsView": lambda logs: al.view(logs["small"].decisions("sequence < 5")),
    "DriftView": lambda logs: al.view(
        logs["small"].drift(["city", "income"], every="1d", model="loans", false_alarms=0.1)
    ),
    "ExplorationView": lambda logs: al.view(logs["small"].explore("1", "2")),
    "FairnessView": fairness,
    "ImpactView": impact,
    "LineageView": lambda logs: al.view(logs["small"].decision("p-001").lineage_graph()),
    "OnsetView": lambda logs: al.view(logs["flown"].onset(["carrier"], since="2015-05-01", until="2015-11-01")),
    "PerformanceView": lambda logs: al.view(logs["lent"].performance(every="1mo", zone="Europe/Berlin")),
}
#: What the code of a view counts on as its log; the small one of others.
LOGS = {
    "AlertsView": "failed",
    "CauseView": "flown",
    "FairnessView": "lent",
    "OnsetView": "flown",
    "PerformanceView": "lent",
}


@pytest.fixture
def small(make_log):
    return al.open(make_log(inputs_loans=lambda frame: frame.head(38), model_versions=both_versions))


@pytest.fixture
def logs(make_log, small, flights, credit, tmp_path):
    version = pl.when(pl.int_range(pl.len()) < 20).then(pl.lit("1")).otherwise(pl.lit("2"))
    broken = [pl.lit("broken").alias("error"), version.alias("model_version")]
    failed = al.open(make_log("failed", predictions=lambda frame: frame.with_columns(broken)))
    opened = {"small": small, "failed": failed, "lent": al.open(credit), "flown": al.open(flights)}
    return {**opened, "folder": tmp_path}


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_chosen_in_a_view_is_in_its_code(name, logs):
    view = SHOWN[name](logs)
    assert type(view).__name__ == name
    seen = [view.code()]
    for control in view.controls:
        change(view, control)
        view.settle()
        seen.append(view.code())
    assert len(set(seen)) == len(view.controls) + 1 > 1
    assert list(view.choices()) == list(view.controls)
    again = shown_by(view.code(), log=logs[LOGS.get(name, "small")])
    assert type(again) is type(view)
    assert again.choices() == view.choices()
    assert again.static_html() == view.static_html()
    assert again.code() == view.code()
    # Whatever control there is, none is missing from what was changed.
    known = [getattr(view, one, None) for one in view.controls]
    wired = {id(one) for one in known if one is not None} | {id(getattr(view, "brush", None))}
    beside = {id(one) for one in controls_of(getattr(view, "listing", None))}
    beside |= {id(one) for one in controls_of(getattr(view, "grid", None))} | {id(getattr(view, "window", None))}
    assert [one for one in controls_of(view) if id(one) not in wired | beside] == []


def change(view, control):
    """Choose something else in one control, as a person does."""
    if control == "windows":
        view.brush.index = (0, 0) if view.brush.index != (0, 0) else (0, 1)
    elif control == "decision" and hasattr(view, "listing"):
        view.settle()
        (shown,) = controls_of(view.listing)
        shown.value = others(shown)[-1]
    elif control == "opened":
        assert not view.listing.button.disabled, "it is there to be pressed"
        view.listing.button.click()
    elif control == "stored":
        (pressed,) = toggles_of(view)
        assert pressed.layout.display is None, "it is there to be pressed"
        pressed.value = True
    else:
        chosen = getattr(view, control)
        assert others(chosen), control
        chosen.value = others(chosen)[-1]


def test_a_choice_that_there_is_not_is_misuse(small):
    view = al.view(small.coverage())
    with pytest.raises(
        MisuseError, match=r"In a CoverageView there is no 'colour' to choose\. .*: reason, opened, decision, stored\."
    ):
        view.choose(colour="red")
    with pytest.raises(MisuseError, match="'no-reason' is not offered as the reason of this CoverageView"):
        view.choose(reason="no-reason")
    with pytest.raises(MisuseError, match="No window of this view starts at 'once'"):
        al.view(small.drift(["city"], every="1d")).choose(windows=("once", "once"))


def test_another_choice_is_another_exhibit_with_another_code(small, tmp_path):
    made = al.Case.create("C-1", small, **ABOUT, folder=tmp_path / "cases")
    view = al.view(small.decision("p-001").lineage_graph())
    first = view.keep(made)
    view.node.value = "model:loans@1"
    second = view.keep(made)
    assert first.id != second.id
    assert first.code != second.code
    assert (second.folder / "shown.html").read_text() != (first.folder / "shown.html").read_text()
