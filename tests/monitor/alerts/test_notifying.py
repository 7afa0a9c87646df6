from __future__ import annotations

import json
import threading
import time
from email import message_from_string, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import polars as pl
import pytest

import audit_lab as al
from audit_lab.monitor.alerts import raised as raising
from audit_lab.monitor.alerts.notifying import News, deliver
from audit_lab.monitor.alerts.rules import MailCommand, Webhook


class Server:
    """A receiver on this machine, which answers as it is told to and keeps what it got."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.slow = threading.Event()
        self.let_go = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((self.path, dict(self.headers), body))
                if outer.slow.is_set():
                    self.wfile.write(b"HTTP/1.0 200 OK\r\n")
                    self.wfile.flush()
                    outer.let_go.wait(20)
                    return
                status = outer.answers.pop(0) if outer.answers else 200
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "file:///etc/passwd")
                self.end_headers()
                self.wfile.write(b"<script>" * 10)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/alerts?team=a"


@pytest.fixture
def server():
    one = Server()
    thread = threading.Thread(target=one.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield one
    one.let_go.set()
    one.http.shutdown()
    one.http.server_close()
    thread.join(5)


def hook(url: str, rest: str = "") -> str:
    named = f'name = "ops"\nkind = "webhook"\nurl = "{url}"\nhttp_host = "127.0.0.1"\n'
    return f'notify = ["ops"]\n[[notify]]\n{named}{rest}'


def mail(command: str, rest: str = "") -> str:
    named = f'name = "mail"\nkind = "mail"\ncommand = ["/bin/sh", "-c", \'{command}\']\n'
    return f'notify = ["mail"]\n[[notify]]\n{named}{rest}'


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def told(failing, rules, now, pauses):
    """Return a function that makes one round with rules that tell somebody."""

    def make(added: str):
        return al.open(failing).raise_alerts(rules(added), now=now, wait=pauses.append)

    return make


def test_a_webhook_gets_the_alert_as_json_with_the_header_from_the_environment(server, told, monkeypatch):
    monkeypatch.setenv("OPS_TOKEN", "Bearer s3cret")
    raised = told(hook(server.url, 'headers = {Authorization = "env:OPS_TOKEN"}\n'))
    ((path, headers, body),) = server.got
    document = json.loads(body)
    assert (path, headers["Authorization"], headers["Content-Type"]) == (
        "/alerts?team=a",
        "Bearer s3cret",
        "application/json",
    )
    assert document["format"] == "audit_lab.alerts/2"
    assert [one["column"] for one in document["alerts"]] == ["failed-predictions"]
    assert [one.sent for one in raised.deliveries] == [True]


def test_no_secret_and_no_address_stands_in_the_record_or_in_the_message(server, told, failing, monkeypatch):
    monkeypatch.setenv("OPS_TOKEN", "s3cret")
    told(hook(server.url, 'headers = {Authorization = "env:OPS_TOKEN"}\n'))
    record = json.dumps(al.open(failing).alerts().to_dict())
    assert "s3cret" not in record + server.got[0][2].decode()
    assert "127.0.0.1" not in record


def test_a_receiver_that_fails_is_tried_again_with_longer_pauses(server, told, pauses, failing):
    server.answers = [500, 503, 200]
    (delivery,) = told(hook(server.url)).deliveries
    assert (delivery.sent, delivery.attempts, pauses) == (True, 3, [1.0, 2.0])
    assert al.open(failing).alerts().table["told"].to_list() == [["ops"]]


def test_a_failure_is_told_recorded_and_does_not_hide_the_alert(server, told, failing):
    server.answers = [500] * 9
    raised = told(hook(server.url, "attempts = 2\n"))
    said = "ops was NOT told of 1 alert, after 2 attempts: it answered with status 500."
    assert said in raised.summary()
    table = al.open(failing).alerts().table
    assert table.select("state", "told", "not_told").rows() == [("open", [], ["ops"])]
    assert len(server.got) == 2


def test_who_was_told_or_could_not_be_is_not_told_again(server, told):
    server.answers = [500]
    told(hook(server.url, "attempts = 1\n"))
    assert told(hook(server.url, "attempts = 1\n")).deliveries == ()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(server, told, status):
    server.answers = [status]
    (delivery,) = told(hook(server.url, "attempts = 1\n")).deliveries
    assert (delivery.why_not, len(server.got)) == (f"it answered with status {status}", 1)


def test_a_receiver_that_answers_too_slowly_is_given_up(server, told):
    server.slow.set()
    began = time.monotonic()
    (delivery,) = told(hook(server.url, "attempts = 1\ntimeout_s = 0.3\n")).deliveries
    assert delivery.why_not == "no answer within 0.3 seconds"
    assert time.monotonic() - began < 10


def test_a_receiver_that_is_not_there_is_told(told):
    (delivery,) = told(hook("http://127.0.0.1:1/", "attempts = 1\n")).deliveries
    assert delivery.why_not == "the address could not be reached (ConnectionRefusedError)"


@pytest.mark.parametrize("value", [None, "a\r\nX-Injected: 1", "gr\u00fcn"])
def test_a_header_s_variable_that_is_missing_or_holds_what_a_header_cannot_is_told(server, told, monkeypatch, value):
    monkeypatch.delenv("OPS_TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("OPS_TOKEN", value)
    (delivery,) = told(hook(server.url, 'headers = {A = "env:OPS_TOKEN"}\nattempts = 1\n')).deliveries
    assert "OPS_TOKEN" in str(delivery.why_not)
    assert server.got == []


def test_an_alert_is_told_later_where_the_watch_was_killed_before_it_could(server, told, monkeypatch, failing):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(raising, "deliver", killed)
    with pytest.raises(KeyboardInterrupt):
        told(hook(server.url))
    assert al.open(failing).alerts().table.select("state", "told").rows() == [("open", [])]
    monkeypatch.setattr(raising, "deliver", deliver)
    raised = told(hook(server.url))
    assert (raised.watch.new, [one.sent for one in raised.deliveries]) == ((), [True])


def test_a_mail_command_gets_a_mail_on_its_standard_input(told, tmp_path):
    (delivery,) = told(mail(f"cat > {tmp_path}/mail", 'to = ["risk@example.org"]\n')).deliveries
    assert delivery.sent
    message = message_from_string((tmp_path / "mail").read_text(), policy=policy.default)
    assert (message["To"], message["Subject"]) == ("risk@example.org", "audit_lab: 1 alert in tests/loans")
    assert "high: failed-predictions of version 1" in message.get_content()


def test_without_an_address_the_program_gets_plain_text(told, tmp_path):
    told(mail(f"cat > {tmp_path}/text"))
    assert (tmp_path / "text").read_text().startswith("Log: tests/loans\n\nhigh: failed-predictions")


def test_a_program_gets_no_secret_of_this_process(told, tmp_path, monkeypatch):
    monkeypatch.setenv("OPS_TOKEN", "s3cret")
    told(mail(f"env > {tmp_path}/env; cat > /dev/null"))
    assert "s3cret" not in (tmp_path / "env").read_text()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("exit 3", "the program /bin/sh ended with code 3"),
        ("sleep 30", "the program /bin/sh did not end within 0.2 seconds"),
        ("exec 0<&-; sleep 30 & wait", "the program /bin/sh did not end within 0.2 seconds"),
    ],
)
def test_a_program_that_fails_or_hangs_is_told(told, command, why):
    (delivery,) = told(mail(command, "attempts = 1\ntimeout_s = 0.2\n")).deliveries
    assert delivery.why_not == why


def test_a_program_that_is_not_there_is_told(failing, rules, now):
    added = 'notify = ["m"]\n[[notify]]\nname = "m"\nkind = "mail"\ncommand = ["/no/such/program"]\nattempts = 1\n'
    (delivery,) = al.open(failing).raise_alerts(rules(added), now=now).deliveries
    assert delivery.why_not == "the program /no/such/program could not be started (No such file or directory)"


def test_hostile_names_of_a_log_are_no_headers_of_a_mail(make_log, rules, now, tmp_path):
    hostile = "1\nBcc: all@example.org\n\nclick <a href=x>here</a>"
    failed = [pl.lit("broken").alias("error"), pl.lit(hostile).alias("model_version")]
    log = al.open(make_log(predictions=lambda frame: frame.with_columns(failed)))
    log.raise_alerts(rules(mail(f"cat > {tmp_path}/mail", 'to = ["risk@example.org"]\n')), now=now)
    message = message_from_string((tmp_path / "mail").read_text(), policy=policy.default)
    assert set(message) == {"To", "Subject", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"}
    assert not any(line.startswith("Bcc") for line in message.get_content().splitlines())


def test_the_name_of_a_hostile_log_cannot_add_a_header(failing, rules, now, tmp_path):
    log = al.open(failing)
    log.raise_alerts(rules(), now=now)
    (course,) = log.alerts().courses.values()
    target = MailCommand("m", ("/bin/sh", "-c", f"cat > {tmp_path}/mail"), ("a@example.org",))
    deliver(target, [News(course)], "x\r\nBcc: all@example.org\r\n\r\n" + "y" * 5_000, now)
    assert "\nBcc" not in (tmp_path / "mail").read_text()


def test_more_than_a_hundred_alerts_are_counted(failing, rules, now, server):
    log = al.open(failing)
    log.raise_alerts(rules(), now=now)
    (course,) = log.alerts().courses.values()
    deliver(Webhook("ops", server.url), [News(course)] * 250, "log", now)
    document = json.loads(server.got[0][2])
    assert (len(document["alerts"]), document["omitted"]) == (100, 150)
