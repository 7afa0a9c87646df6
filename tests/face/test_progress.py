"""What takes long says so: to whoever gives a progress, in a terminal and in a notebook; and can be interrupted."""

from __future__ import annotations

import importlib
import io
import os
import re
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import polars as pl
import pytest

import audit_lab as al
from audit_lab.cli import main
from audit_lab.errors import LogError
from audit_lab.face import progress as module
from audit_lab.face.progress import shown_while
from audit_lab.log import integrity


def together(log, **more):
    """Ask about rows as wholes, with a reference that is long enough for that."""
    reference = pl.concat([log.inputs("loans").select("income", "years").collect()] * 4)
    return log.drift_together(["income", "years"], every="1d", reference=reference, **more)


#: Each question that takes a progress, and what of its answer is compared.
ASKED = {
    "drift": (lambda log, **more: log.drift(every="1d", **more), lambda found: found.table),
    "drift_together": (together, lambda found: found.table),
    "onset": (lambda log, **more: log.onset(["income"], every="1h", **more), lambda found: found.table()),
    "performance": (lambda log, **more: log.performance(every="1d", **more), lambda found: found.table),
    "fairness": (lambda log, **more: log.fairness(["city"], favourable="approve", **more), lambda found: found.table),
    "coverage": (lambda log, **more: log.coverage("1d", **more), lambda found: found.table),
    "letter": (
        lambda log, **more: log.letter(around="2024-03-05", zone="UTC", amount=4000, **more),
        lambda found: pl.DataFrame({"ids": [each.prediction_id for each in found.candidates]}),
    ),
}


class Terminal(io.StringIO):
    """Standard error as a terminal, which says when something was written to it."""

    def __init__(self):
        super().__init__()
        self.written = Event()

    def isatty(self):
        return True

    def write(self, text):
        length = super().write(text)
        self.written.set()
        return length


@pytest.fixture
def terminal(monkeypatch):
    made = Terminal()
    # Pytest puts its own standard error in the place of any other.
    monkeypatch.setattr(module, "sys", SimpleNamespace(stderr=made, modules=sys.modules))
    monkeypatch.setattr(module, "_FIRST_SECONDS", 0.0)
    monkeypatch.setattr(module, "_shell", lambda: None)
    return made


@pytest.mark.parametrize("name", ASKED)
def test_a_question_tells_which_tables_it_reads_and_answers_the_same(make_log, name):
    log = al.open(make_log())
    ask, compared = ASKED[name]
    told = []
    watched = ask(log, progress=lambda word, count: told.append((word, count)))
    assert ("predictions", 40) in told
    assert {word for word, _ in told} <= set(log.describe()["tables"])
    alone = ask(al.open(make_log("again")))
    assert compared(watched).equals(compared(alone))


@pytest.mark.parametrize("name", ASKED)
def test_an_interrupt_ends_the_question_and_leaves_nothing_half_done(make_log, name):
    def stop(_word, _count):
        raise KeyboardInterrupt

    log = al.open(make_log(), actor="ann", purpose="a test")
    ask, compared = ASKED[name]
    with pytest.raises(KeyboardInterrupt):
        ask(log, progress=stop)
    journal = al.read_journal(log.journal.path).frame
    assert journal["answer"].to_list()[-1] == "failed: KeyboardInterrupt"
    caches = Path(os.environ["XDG_CACHE_HOME"])
    assert [each for each in caches.rglob("*") if each.is_file() and "tmp" in each.name] == []
    assert compared(ask(log)).equals(compared(ask(al.open(make_log("again")))))


def test_what_an_answer_reads_later_is_not_told(make_log):
    told = []
    stated = al.open(make_log(inputs_loans=lambda frame: frame.head(38))).coverage(
        progress=lambda word, count: told.append(word)
    )
    before = list(told)
    assert stated.ids("inputs-missing").to_list() == ["p-038", "p-039"]
    assert told == before


def test_a_terminal_shows_it_and_is_left_as_it_was(terminal):
    with shown_while("drift") as tell:
        tell("predictions", 1_000_000)
        assert terminal.written.wait(30)
    said = terminal.getvalue()
    assert said.startswith("\rdrift: 0 s")
    assert said.endswith("\r\x1b[K")
    assert "\n" not in said


def test_an_interrupt_clears_the_line_too(terminal):
    def interrupted():
        with shown_while("drift"):
            assert terminal.written.wait(30)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_what_is_read_stands_in_the_line_without_control_characters(terminal):
    with shown_while("find") as tell:
        tell("inputs/\x1b[31mloans", 40)
        while "loans, 40 rows" not in terminal.getvalue():
            terminal.written.clear()
            assert terminal.written.wait(30)
    assert "\x1b[31m" not in terminal.getvalue()


def test_nothing_is_shown_where_nobody_waits(terminal, monkeypatch):
    given = []
    with shown_while("drift", lambda word, count: given.append((word, count))) as tell:
        tell("predictions", 3)
    ran = []

    def elsewhere():
        with shown_while("drift"):
            ran.append(True)

    thread = Thread(target=elsewhere)
    thread.start()
    thread.join()
    monkeypatch.setattr(terminal, "isatty", lambda: False)
    with shown_while("drift"):
        ran.append(True)
    assert (terminal.getvalue(), given, ran) == ("", [("predictions", 3)], [True, True])


def test_a_question_within_a_question_is_a_part_of_it(terminal):
    with shown_while("watch"):
        assert terminal.written.wait(30)
        with shown_while("drift"):
            pass
    assert "watch" in terminal.getvalue()
    assert "drift" not in terminal.getvalue()


#: Questions that take no progress, or one of their own, and may take long all the same.
SHOWN = {
    "agreement": lambda log: log.decision("p-001").agreement(),
    "cause": lambda log: log.cause(
        after=("2024-03-05", "2024-03-06"), before=("2024-03-04", "2024-03-05"), anyway=True
    ),
    "comparable": lambda log: log.decision("p-030").comparable(),
    "decisions": lambda log: log.decisions("sequence < 5"),
    "explain": lambda log: log.decision("p-001").explain("shap"),
    "explore": lambda log: log.explore("1", "1"),
    "impact": lambda log: log.impact(al.Correction.unit("income", factor=0.5)),
    "operations": lambda log: log.operations(),
    "replay": lambda log: log.replay(causes=False),
    "segments": lambda log: log.segments(["city"], since="2024-03-05", until="2024-03-06"),
    "verify": lambda log: log.verify(),
    "what if": lambda log: log.decision("p-030").what_if({"income": 1_200.0}),
}


@pytest.mark.parametrize("name", SHOWN)
def test_whatever_a_log_is_asked_is_shown(make_log, terminal, name):
    log = al.open(make_log())
    shown = []
    write = terminal.write
    terminal.write = lambda text: (shown.append(text), write(text))[1]
    with suppress(LogError):  # too few rows for some: that is found out while it is shown
        SHOWN[name](log)
    assert any(re.match(rf"\r{name}( |:)", text) for text in shown), shown
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_nothing_is_shown_of_what_has_a_bar_of_its_own(make_log, terminal):
    log = al.open(make_log())
    with module.shown_elsewhere():
        log.replay(causes=False)
    assert terminal.getvalue() == ""


def test_nothing_is_shown_where_a_part_is_told_to_somebody_else(terminal, monkeypatch):
    monkeypatch.setattr(module, "_FIRST_SECONDS", 0.1)
    told = []
    with shown_while("replay"), shown_while("replay", lambda word, count: told.append((word, count))) as tell:
        tell("predictions", 40)
        time.sleep(0.4)
    assert (terminal.getvalue(), told) == ("", [("predictions", 40)])


def test_what_is_read_for_a_part_stands_in_the_line_of_the_whole(terminal):
    with shown_while("watch"):
        with shown_while("drift") as tell:
            tell("predictions", 40)
        while "reading predictions, 40 rows" not in terminal.getvalue():
            terminal.written.clear()
            assert terminal.written.wait(30)


@pytest.mark.parametrize("sits", [True, False])
def test_a_notebook_shows_it_only_to_whoever_sits_before_it(monkeypatch, sits):
    shown, seen = [], Event()

    def display(data, **options):
        shown.append((data["text/plain"], options["update"]))
        seen.set()

    kernel = SimpleNamespace(kernel=SimpleNamespace(_allow_stdin=sits))
    monkeypatch.setattr(module, "_shell", lambda: kernel)
    monkeypatch.setattr(module, "_FIRST_SECONDS", 0.0)
    monkeypatch.setattr("IPython.display.display", display)
    with shown_while("onset"):
        assert seen.wait(30 if sits else 0) == sits
    if not sits:
        assert shown == []
        return
    assert shown[0] == ("onset: 0 s (interrupt the kernel to stop)", False)
    assert shown[-1] == ("", True)


def test_a_kernel_says_whether_somebody_sits_before_it(make_log):
    """JupyterLab takes input for a cell; whoever runs a notebook through does not."""
    from jupyter_client.manager import start_new_kernel

    asked = f"log = al.open({str(make_log())!r})\nfound = log.coverage('1d')"
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        begin = "import audit_lab as al\nfrom audit_lab.face import progress\nprogress._FIRST_SECONDS = 0.0"
        assert texts_of(client, begin, sits=True) == []
        first, *_, last = texts_of(client, asked, sits=True)
        assert first.startswith("coverage: 0 s")
        assert last == ""
        assert texts_of(client, asked, sits=False) == []
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def texts_of(client, code, *, sits):
    """Run a cell; return the texts that were shown and put in the place of others, in their order."""
    asked, shown = client.execute(code, allow_stdin=sits), []
    while True:
        message = client.get_iopub_msg(timeout=120)
        content = message["content"]
        assert message["msg_type"] != "error", content
        if message["parent_header"].get("msg_id") == asked and "data" in content:
            shown.append(content["data"]["text/plain"])
        if message["parent_header"].get("msg_id") == asked and content.get("execution_state") == "idle":
            return shown


COMMANDS = {
    "drift": ["--every", "1d"],
    "onset": ["--every", "1h"],
    "performance": ["--every", "1d"],
    "fairness": ["city", "--favourable", "approve"],
    "coverage": [],
    "letter": ["--around", "2024-03-05", "--zone", "UTC"],
    "find": ["sequence < 3"],
    "watch": [],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_line_shows_it_on_a_terminal_and_its_output_has_nothing_of_it(
    terminal, make_log, name, monkeypatch, capsys
):
    entered = []

    class Seen(module._Terminal):
        def show(self, text):
            entered.append(text)
            super().show(text)

    monkeypatch.setattr(module, "_Terminal", Seen)
    # The clock says at least one thing, however quickly the question is answered.
    monkeypatch.setattr(module, "_tick", lambda what, place, over, last: (place.show(f"{what}: 0 s"), place.clear()))
    main([name, *COMMANDS[name], "--log", str(make_log())])
    assert [text.partition(":")[0] for text in entered] == [name]
    assert "\x1b[K" not in capsys.readouterr().out


def test_a_verification_of_a_log_by_its_path_is_shown_too(make_log, terminal, monkeypatch):
    seen = []
    monkeypatch.setattr(integrity, "verify", lambda *_, **__: seen.append(terminal.written.wait(10)))
    al.verify(make_log())
    assert seen == [True]
    assert "verify: 0 s" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


@pytest.fixture
def cell(monkeypatch):
    """Return what a notebook's cell shows, to somebody who sits before it."""
    shown = []
    kernel = SimpleNamespace(kernel=SimpleNamespace(_allow_stdin=True))
    monkeypatch.setattr(module, "_shell", lambda: kernel)
    monkeypatch.setattr(module, "_FIRST_SECONDS", 0.0)
    monkeypatch.setattr("IPython.display.display", lambda data, **_: shown.append(data["text/plain"]))
    return shown


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("adapt", "audit_lab"),
        ("adapt_topic", "audit_lab"),
        ("seal_foreign", "audit_lab"),
        ("seal_log", "audit_lab"),
        ("export_case", "audit_lab.evidence.export"),
        ("export_notebook", "audit_lab.evidence.export"),
    ],
)
def test_work_that_asks_no_log_is_wrapped(name, home):
    public = getattr(importlib.import_module(home), name)
    assert public.__wrapped__.__name__ == public.__name__ == name
    assert public.__wrapped__.__doc__ == public.__doc__


def test_long_work_is_shown_in_a_notebook(cell):
    seen = Event()

    def work():
        while not cell:
            seen.wait(0.01)
        return 7

    assert module.shown("seal", work)() == 7
    assert cell[0] == "seal: 0 s (interrupt the kernel to stop)"
    assert cell[-1] == ""


def test_an_interrupt_ends_long_work_and_clears_the_line(cell):
    def work():
        while not cell:
            pass
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        module.shown("seal", work)()
    assert cell[-1] == ""


def test_sealing_that_tells_somebody_else_shows_nothing(make_log, cell, tmp_path):
    told = []
    keeping = {"actor": "records office", "vault": tmp_path / "vault", "passphrase": b"tests"}
    al.seal_log(make_log(), **keeping, progress=lambda *each: told.append(each))
    assert told
    assert cell == []


def test_sealing_leaves_the_line_of_a_terminal_to_what_it_asks(make_log, terminal, tmp_path):
    al.seal_log(make_log(), actor="records office", vault=tmp_path / "vault", passphrase=b"tests")
    assert terminal.getvalue() == ""
