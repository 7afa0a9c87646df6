"""What a newcomer reads first: the help of each command."""

from __future__ import annotations

import re

import pytest

READING = ["--log", "--mapping", "--as-of", "--engine", "--actor", "--purpose", "--journal", "--json"]
KEEPING = ["log", "--vault", "--passphrase", "--json"]

#: Each command, its options and arguments, and a sentence that explains it.
COMMANDS = {
    "demo": (["--log", "--notebook", "--out", "--json"], "what moved, one decision replayed, evidence signed"),
    "doctor": (["--log", "--mapping", "--json"], "say what will not work"),
    "adapt": (
        [
            *("source", "log", "--save", "--mapping", "--form", "--model", "--version", "--feature", "--answer"),
            *("--environment", "--sampling-rate", "--quarantine", "--follow", "--client", "--schema"),
            *("--origin", "--actor", "--vault", "--passphrase", "--json"),
        ],
        "is kept in quarantine with its bytes and the reason",
    ),
    "show": (["prediction_id", *READING], "every gap with its effect"),
    "cache": (["--empty", "--yes", "--json"], "Explanations hold recorded values, which are personal data"),
    "decisions": (
        ["expression", "--id", "--ids", "--subject", "--since", "--until", "--model", "--limit", *READING],
        "by ids, by an expression, or all about one subject",
    ),
    "find": (["expression", "--since", "--until", "--model", "--limit", *READING], "never evaluated as code"),
    "drift": (
        [
            *("--columns", "--every", "--reference", "--zone", "--around", "--before", "--after", "--false-alarms"),
            *("--seed", "--together", "--model", "--chart", "--measure", "--feature", "--at", "--picture", *READING),
        ],
        "population stability index",
    ),
    "performance": (
        [
            *("--every", "--since", "--until", "--model", "--by-version", "--known-by", "--cost", "--positive"),
            *("--zone", "--hosmer-lemeshow", "--measure", "--calibration", "--picture", *READING),
        ],
        "Windows whose outcomes are still arriving are marked immature",
    ),
    "fairness": (
        [
            *("groups", "--favourable", "--qualified", "--of", "--bands", "--every", "--since", "--until", "--model"),
            *("--by-version", "--no-intersections", "--minimum", "--known-by", "--measure", "--grouping", "--picture"),
            *("--zone", *READING),
        ],
        "neither why nor whether that is lawful",
    ),
    "onset": (
        [
            *("--column", "--every", "--zone", "--since", "--until", "--reference", "--model", "--seed", "--series"),
            *("--picture", *READING),
        ],
        "each with an interval that holds it in 95 % of cases",
    ),
    "operations": (
        ["--every", "--by", "--zone", "--since", "--until", "--model", "--measure", "--picture", *READING],
        "failed predictions, failed jobs",
    ),
    "watch": (
        [
            *("LOG", "--rules", "--rules-example", "--once", "--every", "--since", "--until", "--write", "--look-only"),
            *("--record", "--vault", "--passphrase", *READING),
        ],
        "and 3 when nothing fires but a rule, or the log, could not be evaluated",
    ),
    "alerts list": (
        ["LOG", "--state", "--in-log", "--record", "--picture", *READING],
        "which follows from what was recorded of it",
    ),
    "alerts acknowledge": (
        ["LOG", "alert", "--role", "--reason", "--write", "--record", "--vault", "--passphrase", *READING],
        "it stands until it is closed",
    ),
    "alerts close": (
        [
            *("LOG", "alert", "--role", "--conclusion", "--reason", "--although", "--evidence", "--write", "--record"),
            *("--vault", "--passphrase", *READING),
        ],
        "An alert that still fires is closed only if --although says why.",
    ),
    "segments": (
        [
            *("--column", "--measure", "--since", "--until", "--reference", "--model", "--single", "--minimum"),
            *("--seed", "--picture", *READING),
        ],
        "so that chance gives a segment in 5 % of cases",
    ),
    "coverage": (
        ["--every", "--ids", "--model", "--version", "--limit", "--picture", *READING],
        "why others cannot; what is lost",
    ),
    "dossier": (
        [
            *("who", "--subject", "--out", "--all", "--timezone", "--codes", "--counterfactual", "--immutable"),
            *("--verify", "--trust-file", "--paper", "--seed", "--environment", "--trust", "--trust-type"),
            *("--time-limit", "--memory-limit", *READING),
        ],
        "on two pages",
    ),
    "in-force": (
        ["model", "--at", "--environment", "--recorded", "--as-known-on", *READING],
        "where, with what share, by whom and why",
    ),
    "letter": (
        [
            *("--customer", "--subject", "--around", "--zone", "--within", "--amount", "--decision", "--model"),
            *("--limit", "--key", *READING),
        ],
        "say of each why it matches and what does not",
    ),
    "replay": (
        [
            *("prediction_id", "--all", "--where", "--since", "--until", "--model"),
            *("--environment", "--trust", "--trust-type", "--causes", "--keep"),
            *("--time-limit", "--memory-limit", *READING),
        ],
        "the model runs in a child process without network",
    ),
    "explore": (
        [
            *("version", "other", "--where", "--since", "--until", "--model", "--rows", "--trust"),
            *("--trust-type", "--time-limit", "--memory-limit", *READING),
        ],
        "in its recorded environment, which is built once, and in the present one",
    ),
    "explain": (
        [
            *("prediction_id", "--method", "--seed", "--output", "--perturbation", "--sampling", "--max-evals"),
            *("--ungrouped", "--no-cache", "--trust", "--trust-type", "--time-limit", "--memory-limit", *READING),
        ],
        "against a declared background",
    ),
    "what-if": (
        [
            *("prediction_id", "--set", "--codes", "--method", "--output", "--seed", "--environment", "--trust"),
            *("--trust-type", "--picture", "--time-limit", "--memory-limit", *READING),
        ],
        "Both are explained against one background.",
    ),
    "reasons": (
        [
            *("prediction_id", "--codes", "--reference", "--seed", "--trust", "--trust-type"),
            *("--time-limit", "--memory-limit", *READING),
        ],
        "Where a rule or a person decided, that is the reason.",
    ),
    "impact": (
        [
            *("--values", "--unit", "--missing", "--recode", "--version", "--threshold", "--rules", "--rules-of"),
            *("--without-rule", "--where", "--since", "--until", "--model", "--of-version", "--group-by", "--limit"),
            *("--environment", "--trust", "--trust-type", "--keep", "--picture", "--time-limit", "--memory-limit"),
            *READING,
        ],
        "listed apart, and never counted as affected",
    ),
    "comparable": (
        [
            *("prediction_id", "--limit", "--any-decision", "--any-version", "--before", "--since", "--until"),
            *("--features", "--picture", *READING),
        ],
        "Nearness is Gower's distance (1971) over the recorded inputs.",
    ),
    "cause": (
        [
            *("--after", "--before", "--since", "--of", "--favourable", "--column", "--model", "--rows", "--output"),
            *("--minimum", "--seed", "--anyway", "--by", "--limit", "--trust", "--trust-type", "--picture"),
            *("--time-limit", "--memory-limit", *READING),
        ],
        "each method ranks the features by itself",
    ),
    "cohort": (
        [
            *("--where", "--since", "--until", "--model", "--version", "--contrast", "--contrast-where"),
            *("--feature", "--bin", "--perturbation", "--output", "--background", "--seed", "--rows", "--limit"),
            *("--trust", "--trust-type", "--chart", "--picture", "--time-limit", "--memory-limit", *READING),
        ],
        "which feature moved the mean output from there to here",
    ),
    "counterfactual": (
        [
            *("prediction_id", "--limit", "--immutable", "--up", "--down", "--within", "--only", "--one-of"),
            *(
                "--constraints",
                "--target",
                "--between",
                "--most-changes",
                "--most-candidates",
                "--since",
                "--until",
                "--environment",
                "--trust",
            ),
            *("--trust-type", "--picture", "--time-limit", "--memory-limit", *READING),
        ],
        "no proof that there is nothing unless it says so",
    ),
    "lineage show": (
        ["prediction_id", "--model", "--version", "--picture", "--prov", *READING],
        "back to approvals, runs, commits, data and feature sources",
    ),
    "lineage import": (
        [
            *("source", "paths", "--log", "--out", "--commit", "--experiment", "--artifacts", "--patience"),
            *("--quarantine", "--actor", "--vault", "--passphrase", "--json"),
        ],
        "Nothing that is read is executed, and nothing that it names is opened.",
    ),
    "environments": (
        ["action", "names", "--all", "--offline", "--leave-out", *READING],
        "from wheels alone and without running any code of theirs",
    ),
    "prove": (
        ["prediction_id", "--out", "--fields", "--vault", *READING],
        "to somebody who does not have the log",
    ),
    "snapshots": (READING, "when each was sealed, and what it added"),
    "journal": (["path", "--log", "--head", "--last", "--json"], "who asked what of a log, when and why"),
    "seal": (
        ["--actor", "--origin", "--key", "--trust", "--mapping", "--into", *KEEPING],
        "Its files stay as they are, byte for byte.",
    ),
    "record": (["kind", "--set", *KEEPING], "A registration that lacks what an investigator will ask for"),
    "lint": (["source", "--redaction", "--rows", "--json"], "No value is ever shown."),
    "spool": (["--spool", "--seal", *KEEPING], "each record is in the log once"),
    "explain-due": (
        ["--model", "--most", "--seed", "--record", *KEEPING],
        "an explanation of record cannot be taken back",
    ),
    "compact": (["--dispose-after", "--actor", *KEEPING], "the place of every row, stay as they were"),
    "erase": (
        ["--actor", "--reason", "--subject", "--customer", "--prediction", "--field", "--key", *KEEPING],
        "A legal hold forbids it.",
    ),
    "reapply-erasures": (KEEPING, "after the vault was restored from a backup"),
    "hold": (["name", "--actor", "--reason", "--subject", "--prediction", *KEEPING], "until the hold is released"),
    "release": (["name", "--actor", "--reason", *KEEPING], "can be erased again"),
    "witness": (
        ["log", "--out", "--key", "--trust", "--state", "--passphrase", "--json"],
        "only grew since the last time",
    ),
    "anchor": (
        ["log", "--cosigned", "--request", "--answer", "--timestamp-authority", "--json"],
        "Nothing is sent anywhere",
    ),
    "case new": (
        [
            *("case_id", "--question", "--folder", "--decision", "--alert", "--since", "--until", "--zone"),
            *("--sign-off", "--persons", *READING),
        ],
        "becomes its scope and first exhibits",
    ),
    "case notebook": (
        ["case_id", "STEP", "--log", "--question", "--actor", "--purpose", "--out", "--json"],
        "runs it again with audit-lab verify --rerun",
    ),
    "case show": (["CASE", "--bundle", "--trust", "--json"], "valid for the case as it is now, or void"),
    "case exhibit list": (["CASE", "--json"], "who kept each of them when"),
    "case finding": (
        ["CASE", "claim", "--exhibit", "--confidence", "--by", "--why", "--json"],
        "the exhibits that it rests on",
    ),
    "case keep": (
        ["CASE", "STEP", "--log", "--title", "--note", "--by", "--why", "--json"],
        "as the log stood when the case was opened",
    ),
    "case conclude": (["CASE", "text", "--by", "--why", "--json"], "another answer takes its place"),
    "case event": (
        ["CASE", "at", "what", "--exhibit", "--stated-by", "--by", "--why", "--json"],
        "shown by an exhibit, or as somebody states it",
    ),
    "case action": (
        ["CASE", "what", "--kind", "--owner", "--due", "--status", "--how", "--by", "--why", "--json"],
        "how far one is that was agreed",
    ),
    "case comment": (["CASE", "text", "--about", "--by", "--why", "--json"], "an event or an exhibit of it"),
    "case status": (
        ["CASE", "to", "--reason", "--by", "--why", "--json"],
        "a closed one takes no findings before it is reopened",
    ),
    "case report": (
        ["CASE", "--bundle", "--trust", "--by", "--why", "--json"],
        "each sentence names the exhibit that it comes from",
    ),
    "case custody": (["CASE", "--json"], "exits 1 where the record does not hold"),
    "export": (
        [
            *("NOTEBOOK|CASE", "--out", "--key", "--passphrase", "--demonstration-key", "--overwrite", "--time-limit"),
            *("--timestamp", "--timestamp-authority", "--json"),
            *("--redaction", "--include-models", "--vault", "--known-checkpoint", "--own-folder", "--log"),
        ],
        "A notebook that fails half-way exports nothing",
    ),
    "verify": (
        [
            *("path", "--trust", "--require-anchor", "--vault", "--witness", "--timestamp-authority", "--no-rows"),
            *("--require-sign-off", "--do-not-remember", "--rerun", "--log", "--run-foreign-code", "--tolerance"),
            *("--environment", "--wheels", "--leave-out"),
            *("--known-checkpoint", "--signed-since"),
            *("--actor", "--purpose", "--journal", "--json"),
        ],
        "say what was checked and what was not",
    ),
    "sign": (
        [
            *("bundle", "--name", "--meaning", "--role", "--reason", "--case", "--key", "--passphrase", "--trust"),
            "--json",
        ],
        "nobody signs what does not hold",
    ),
    "timestamp": (
        ["bundle", "--authority", "--request", "--response", "--timestamp-authority", "--trust", "--json"],
        "The authority gets a digest and nothing of the bundle",
    ),
    "verifier": (["--out", "--page", "--json"], "the same release writes the same bytes everywhere"),
    "diff": (["before", "after", "--trust", "--ignore-times", "--json"], "The verdict of each is stated"),
    "keys new": (
        [
            *("name", "--out", "--kind", "--normalise", "--person", "--role", "--valid-until"),
            *("--passphrase", "--json"),
        ],
        "Hand the trust file to whoever will verify",
    ),
    "keys show": (["files", "--json"], "It asks for no passphrase"),
    "keys trust": (
        ["key", "--out", "--kind", "--person", "--role", "--valid-until", "--passphrase", "--json"],
        "by another way than what you sign",
    ),
    "keys rotate": (
        ["key", "--name", "--out", "--reason", "--passphrase", "--new-passphrase", "--json"],
        "Hand the statement to those who accept the old key",
    ),
    "keys accept": (["trust", "rotation", "--json"], "The old key stays accepted for what it signed"),
    "keys revoke": (["trust", "name", "--from", "--json"], "no accepted time stamp dates before is refused"),
}


def words(text):
    """Return text without the frames that rich draws, on one line."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_teaches(run, command):
    answer = run(*command.split(), "--help")
    options, sentence = COMMANDS[command]
    assert (answer.code, answer.err) == (0, "")
    shown = words(answer.out)
    assert f"Usage: audit-lab {command}" in shown
    assert sentence in shown
    assert [option for option in options if option not in shown] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_explains_every_option_that_there_is(run, command):
    listed = re.findall(
        r"(?m)^│[ *]+(--[a-z-]+)(?:  +-[a-z]|  +--no-[a-z-]+)? +<[^>]+> +(?:\[x[^\]]*\] +)?(\S*)",
        run(*command.split(), "--help").out,
    )
    assert {option for option, _ in listed} - {"--help"} == {o for o in COMMANDS[command][0] if o.startswith("--")}
    assert [option for option, explained in listed if not explained] == []


def test_the_help_of_all_names_each_command_and_the_exit_codes(run):
    shown = words(run("--help").out)
    for command in COMMANDS:
        assert f" {command.split()[0]} " in shown
    assert "Exit codes: 0 all well, 1 found wanting, 2 the call was wrong." in shown


def test_nothing_asked_for_shows_the_help_and_is_misuse(run):
    answer = run()
    assert answer.code == 2
    assert "Begin with audit-lab demo" in words(answer.out)


def test_python_m_audit_lab_is_the_same_command(start):
    answer = start("show", "--help")
    assert answer.code == 0
    assert "Usage: audit-lab show" in words(answer.out)
