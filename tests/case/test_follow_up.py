"""Actions, timeline, comments and status: plain files, read strictly."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.case.follow_up import ACTIONS, COMMENTS, EVENTS, CaseAction, CaseComment, CaseEvent
from audit_lab.errors import AuditLabError, MisuseError, NotFoundError

FRAME = pl.DataFrame({"a": [1]})
LINES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


def test_an_action_is_agreed_and_closed(case):
    agreed = case.action("Map US to AA", kind="corrective", owner="Rex", due="2026-12-01")
    assert agreed == CaseAction("A1", "Map US to AA", "corrective", "Rex", date(2026, 12, 1), "open", "")
    case.action("Watch", kind="preventive", owner="Ida", due=date(2027, 1, 1))
    closed = case.change_action("A1", "closed", "deployed")
    assert [(each.id, each.status, each.how) for each in case.actions] == [
        ("A1", "closed", "deployed"),
        ("A2", "open", ""),
    ]
    assert case.change_action(closed, "closed", "deployed") == closed
    acts = [line.action for line in case.custody]
    assert acts == ["created", "action agreed", "action agreed", "action closed"]


def test_the_file_of_actions_is_plain(case):
    case.action("Map US to AA", kind="corrective", owner="Rex", due="2026-12-01")
    assert (case.folder / "actions.toml").read_text() == (
        '[[action]]\nid = "A1"\nwhat = "Map US to AA"\nkind = "corrective"\nowner = "Rex"\ndue = 2026-12-01\n'
        'status = "open"\nhow = ""\n'
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "palliative"}, "kind: 'palliative'"),
        ({"owner": " "}, "owner: A1 says nothing"),
        ({"due": "soon"}, "'soon' is no day"),
    ],
)
def test_an_action_that_is_none(case, change, message):
    with pytest.raises(MisuseError, match=message):
        case.action(**{"what": "x", "kind": "corrective", "owner": "Rex", "due": "2026-12-01", **change})
    assert case.actions == ()


def test_an_action_is_not_closed_without_how(case):
    case.action("x", kind="corrective", owner="Rex", due="2026-12-01")
    with pytest.raises(MisuseError, match="how: the action A1 is closed"):
        case.change_action("A1", "closed")
    with pytest.raises(NotFoundError, match="names no action"):
        case.change_action("A9", "dropped", "never agreed")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("due = 2026-12-01", r'due = "2026-12-01"| 1, due: it should be a date'),
        ('owner = "Rex"', "| 1, owner: it is missing"),
        ('status = "open"', "status = \"opne\"| 1: status: 'opne' is none"),
        ('how = ""', 'how = ""\nwhen = 1| 1, when: it is no field of it'),
        ('id = "A1"', "id = 1| 1, id: it should be a text in quotes"),
        ("[[action]]", "[[axtion]]|should hold tables"),
        ('what = "x"', "what = |cannot be read"),
    ],
)
def test_an_edit_that_is_wrong_is_named_by_file_and_field(case, text, place):
    case.action("x", kind="corrective", owner="Rex", due="2026-12-01")
    path = case.folder / "actions.toml"
    instead, _, message = place.partition("|")
    path.write_text(path.read_text().replace(text, instead))
    with pytest.raises(AuditLabError) as caught:
        _ = case.actions
    assert "actions.toml" in caught.value.message
    assert message in caught.value.message


def test_an_id_that_is_there_twice(case):
    case.action("x", kind="corrective", owner="Rex", due="2026-12-01")
    path = case.folder / "actions.toml"
    path.write_text(path.read_text() * 2)
    with pytest.raises(AuditLabError, match="action 2, id: 'A1' is there twice"):
        _ = case.actions


def test_the_timeline_is_sorted_and_says_what_shows_an_event(case):
    exhibit = case.keep(FRAME, "rows")
    case.event("2015-07-02T00:00:00+00:00", "noticed", by="Ida")
    case.event(datetime(2015, 7, 1, 12, tzinfo=UTC), "deployed", exhibit=1)
    case.event("2015-07-01T14:00:00+02:00", "deployed", exhibit=exhibit)
    assert [(each.at, each.what, each.source, each.by, each.exhibit) for each in case.timeline] == [
        (datetime(2015, 7, 1, 12, tzinfo=UTC), "deployed", "log", "jane", exhibit.id),
        (datetime(2015, 7, 2, tzinfo=UTC), "noticed", "stated", "Ida", ""),
    ]


@pytest.mark.parametrize("at", ["2015-07-01T00:00:00", "yesterday"])
def test_an_event_needs_a_time_with_its_zone(case, at):
    with pytest.raises(MisuseError, match="no zone|no time"):
        case.event(at, "noticed")


def test_comments_are_about_something_that_is_there(case):
    exhibit = case.keep(FRAME, "rows")
    case.finding("x", [1], "low")
    assert [case.comment("really?", about).about for about in ("case", "F1", exhibit, "1")] == [
        *("case", "F1", exhibit.id, exhibit.id)
    ]
    with pytest.raises(NotFoundError, match="names no exhibit"):
        case.comment("really?", "F2")
    assert [(each.id, each.author) for each in case.comments] == [(f"C{n}", "jane") for n in range(1, 5)]


def test_a_case_is_closed_and_reopened_with_a_reason(case):
    assert case.status == "open"
    with pytest.raises(MisuseError, match="is open and cannot become reopened"):
        case.change_status("reopened", "new facts")
    with pytest.raises(MisuseError, match="why"):
        case.change_status("closed", " ")
    with pytest.raises(MisuseError, match="status: 'done' is none"):
        case.change_status("done", "x")
    case.change_status("under review", "ready")
    case.change_status("closed", "answered")
    for write in (
        lambda: case.keep(FRAME, "rows"),
        lambda: case.conclude("x"),
        lambda: case.action("x", kind="corrective", owner="Rex", due="2026-12-01"),
        lambda: case.event("2015-07-01T00:00:00Z", "x"),
    ):
        with pytest.raises(MisuseError, match="is closed"):
            write()
    case.comment("thanks")
    case.change_status("reopened", "new facts")
    case.conclude("x")
    assert [(each.status, each.actor, each.why) for each in case.status_changes] == [
        ("under review", "jane", "ready"),
        ("closed", "jane", "answered"),
        ("reopened", "jane", "new facts"),
    ]


@given(LINES, LINES, st.dates(), st.datetimes(timezones=st.just(UTC), min_value=datetime(1900, 1, 1)))  # noqa: DTZ001
def test_every_text_and_time_survives_the_files(tmp_path_factory, text, owner, day, moment):
    folder = tmp_path_factory.mktemp("case")
    for file, record in (
        (ACTIONS, CaseAction("A1", text, "corrective", owner, day, "open", "")),
        (EVENTS, CaseEvent("E1", moment, text, "stated", owner, "")),
        (COMMENTS, CaseComment("C1", moment, owner, "case", text)),
    ):
        (folder / file.name).write_bytes(file.content([record]))
        assert file.read(folder) == (record,)
