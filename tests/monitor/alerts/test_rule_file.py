from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.errors import MisuseError
from audit_lab.monitor.alerts.example import EXAMPLE
from audit_lab.monitor.alerts.rule_file import parse_rules, read_rules, rule_of
from audit_lab.monitor.alerts.rule_values import KINDS, duration_s
from audit_lab.monitor.alerts.rules import MailCommand, Webhook, default_rules

BEGIN = 'format = 1\n[[rule]]\nname = "a"\nkind = "operations"\n'
HOOK = BEGIN + 'notify = ["x"]\n[[notify]]\nname = "x"\n'


def refusal(text: str) -> str:
    with pytest.raises(MisuseError) as refused:
        parse_rules(text, "rules.toml")
    return str(refused.value)


def test_the_example_has_every_kind_of_rule_and_both_ways_to_tell():
    found = parse_rules(EXAMPLE, "example")
    assert {rule.kind for rule in found.rules} == set(KINDS)
    assert {type(target) for target in found.targets} == {Webhook, MailCommand}


def test_a_watch_without_a_file_looks_for_drift_failures_and_volume_gone():
    assert [rule.kind for rule in default_rules().rules] == ["drift", "operations", "volume"]
    assert default_rules().rules[0].options["at_least"] == "moderate"


def test_a_rule_is_read_again_from_what_an_alert_keeps_of_it():
    for rule in parse_rules(EXAMPLE, "example").rules:
        assert rule_of(rule.to_dict()) == rule


def test_two_files_that_watch_for_the_same_have_one_digest():
    other = BEGIN.replace('name = "a"\nkind = "operations"', 'kind = "operations" # a comment\nname = "a"')
    assert parse_rules(BEGIN, "one").sha256 == parse_rules(other, "two").sha256
    assert parse_rules(BEGIN + 'every = "1w"', "one").sha256 != parse_rules(BEGIN, "two").sha256


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "states the format None"),
        ("format = 2\n", "states the format 2"),
        ("format = true\n", "states the format True"),
        ("format = 1\n", "has no rule"),
        ("format = 1\nrules = []\n", "unknown key rules"),
        ("format = 1\n[rule]\nname = 'a'\n", "rule is no list"),
        ("format = 1\n= 3", "is no TOML"),
        ("format = " + "[" * 5_000, "is no TOML"),
        ("format = 1\n[[rule]]\nname = 'a'\n", "its kind is None"),
        ("format = 1\n[[rule]]\nname = 'a'\nkind = 'eval'\n", "its kind is eval"),
        ("format = 1\n[[rule]]\nname = 'a'\nkind = ['drift']\n", "its kind is ['drift']"),
        (BEGIN.replace('"a"', '""'), "has no name"),
        (BEGIN.replace('"a"', '"a\\u0007b"'), "has no name"),
        (BEGIN.replace('"a"', f'"{"a" * 81}"'), "has no name"),
        (BEGIN + BEGIN.partition("\n")[2], "two [[rule]] named a"),
        (BEGIN + "at_least = 'major'\n", "[[rule]] 1 at line 2: it has an unknown key at_least"),
        (BEGIN + "severity = 'critical'\n", "severity is critical"),
        (BEGIN + "severity = []\n", "severity is []"),
        (BEGIN + "every = '7w'\n", "every is 7w. Give one of 1h, 1d, 1w, 1mo"),
        (BEGIN + "every = 7\n", "every is 7"),
        (BEGIN + "findings = []\n", "findings is []"),
        (BEGIN + "findings = ['failed-predictions', 'rm -rf']\n", "findings is"),
        (BEGIN + "notify = 'x'\n", "notify is x"),
        (BEGIN + "notify = ['x']\n", "notifies x, which no [[notify]] describes"),
        (BEGIN + "model = 3\n", "model is 3"),
        (BEGIN.replace("operations", "volume"), "neither below nor above"),
        (BEGIN.replace("operations", "volume") + "below = 1.5\n", "below is 1.5. Give a number between 0 and 1"),
        (BEGIN.replace("operations", "volume") + "below = nan\n", "below is nan"),
        (BEGIN.replace("operations", "volume") + "below = true\n", "below is True"),
        (BEGIN.replace("operations", "performance") + "below = 1\n", "measure is missing"),
        (BEGIN.replace("operations", "performance") + "measure = 'auc'\nbelow = 1\nabove = 0\n", "every value fires"),
        (BEGIN.replace("operations", "silence") + "longer_than = '0h'\n", "longer_than is 0h"),
        (BEGIN.replace("operations", "drift") + "reference = ['x', 'y']\n", "reference is ['x', 'y']"),
        (BEGIN.replace("operations", "drift") + "seed = -1\n", "seed is -1"),
        (BEGIN.replace("operations", "drift") + f"columns = {['c' * 400] * 12}\n", "too long to stand in each"),
        (HOOK + "kind = 'sms'\n", "[[notify]] 1 at line 6: its kind is sms"),
        (HOOK + "kind = 'webhook'\nurl = 'ftp://a.example/'\n", "url is ftp"),
        (HOOK + "kind = 'webhook'\nurl = 'file:///etc/passwd'\n", "url is file"),
        (HOOK + "kind = 'webhook'\nurl = 'https://user:secret@a.example/'\n", "neither a user nor"),
        (HOOK + "kind = 'webhook'\nurl = 'https://[::1/'\n", "url is https"),
        (HOOK + "kind = 'webhook'\nurl = 'https://a.example:99999/'\n", "url is https"),
        (HOOK + "kind = 'webhook'\nurl = 'https://a.example/\\r\\nX: 1'\n", "url is https"),
        (HOOK + "kind = 'webhook'\nurl = \"https://a.example/\\r\\nX: 1\"\n", "url is https"),
        (HOOK + "kind = 'webhook'\nurl = 'http://a.example/'\n", "is not encrypted"),
        (HOOK + "kind = 'webhook'\nurl = 'http://a.example/'\nhttp_host = 'b.example'\n", "is not encrypted"),
        (
            HOOK + "kind = 'webhook'\nurl = 'https://a.example/'\nheaders = {A = 'token-123'}\n",
            "header A does not name",
        ),
        (HOOK + "kind = 'webhook'\nurl = 'https://a.example/'\nheaders = {Host = 'env:A'}\n", "a header is named Host"),
        (HOOK + "kind = 'webhook'\nurl = 'https://a.example/'\ntimeout_s = 0\n", "timeout_s is 0"),
        (HOOK + "kind = 'webhook'\nurl = 'https://a.example/'\nattempts = 100\n", "attempts is 100"),
        (HOOK + "kind = 'mail'\ncommand = 'sendmail -t'\n", "command is sendmail -t"),
        (HOOK + "kind = 'mail'\ncommand = ['sendmail', '-t']\n", "begins with the path of a program"),
        (HOOK + "kind = 'mail'\ncommand = []\n", "command is []"),
        (HOOK + 'kind = \'mail\'\ncommand = ["/bin/cat"]\nto = ["a@b.example\\nBcc: c@d.example"]\n', "to is"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place_and_the_next_step(text, said):
    assert said in refusal(text)


def test_a_secret_that_stands_in_a_rule_file_is_not_repeated():
    assert "token-123" not in refusal(
        HOOK + "kind = 'webhook'\nurl = 'https://a.example/'\nheaders = {Authorization = 'token-123'}\n"
    )


def test_a_message_about_hostile_text_is_one_printable_line():
    assert refusal(BEGIN + 'severity = "\\u001b[31m\\u202Ehigh\\n"\n').isprintable()


def test_a_file_that_is_missing_is_no_text_or_far_too_large_is_refused(tmp_path):
    path = tmp_path / "rules.toml"
    for content, said in ((None, "there is no rule file"), (b"\xff", "is not UTF-8"), (b"#" * 1_000_001, "larger")):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(MisuseError, match=said):
            read_rules(path)


@given(st.text(max_size=200))
def test_no_text_is_evaluated_or_ends_in_anything_but_rules_or_a_refusal(text):
    with suppress(MisuseError):
        assert parse_rules("format = 1\n" + text, "rules.toml").rules


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("2h", 7200), ("1d", 86400), ("0s", None), ("1w", None), (3, None)]
)
def test_durations(text, seconds):
    assert duration_s(text) == seconds
