"""One byte changed anywhere in a segment: every command answers, or says in one line what is wrong."""

from __future__ import annotations

import contextlib
import io

import pytest

from audit_lab.cli import main

#: Commands that read the predictions, each row of each column in one of them.
COMMANDS = (["find"], ["show", "p-001"])
#: Of how many bytes one is changed: everyday, and in the soak.
STEP, SMALL_STEP = 283, 29


@pytest.fixture
def segment(make_log):
    return make_log() / "predictions" / "part-00000.parquet"


def told(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(arguments))
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("step", [STEP, pytest.param(SMALL_STEP, marks=pytest.mark.soak)])
def test_each_change_of_a_byte_is_an_answer_or_one_line(segment, capfd, step):
    log = str(segment.parents[1])
    original = segment.read_bytes()
    outcomes = set()
    for at in range(0, len(original), step):
        changed = bytearray(original)
        changed[at] ^= 0x5A
        segment.write_bytes(changed)
        for command in COMMANDS:
            code, out, err = told(*command, "--log", log)
            outcomes.add(code)
            assert code in {0, 1}, at
            assert len(err.splitlines()) == (0 if out else 1), at
            assert "Traceback" not in out + err, at
    assert outcomes == {0, 1}
    assert "Traceback" not in capfd.readouterr().err


def test_each_change_is_a_finding_of_doctor_and_verify(segment):
    log = str(segment.parents[1])
    original = segment.read_bytes()
    for at in range(0, len(original), len(original) // 12):
        changed = bytearray(original)
        changed[at] ^= 0x5A
        segment.write_bytes(changed)
        code, out, err = told("verify", log)
        assert code == 1
        assert "predictions/part-00000.parquet" in out
        assert len(err.splitlines()) == 1


def test_a_corrupt_footer_is_one_line_of_the_process(segment, start):
    """Nothing of what the Parquet reader's own code may print to standard error comes before our line."""
    original = segment.read_bytes()
    footer = len(original) - 8 - int.from_bytes(original[-8:-4], "little")
    changed = bytes(each ^ 0x5A for each in original[footer:-8])
    segment.write_bytes(original[:footer] + changed + original[-8:])
    answer = start("find", "--log", segment.parents[1])
    assert (answer.code, answer.out) == (1, "")
    assert len(answer.err.splitlines()) == 1
    assert answer.err.startswith("audit-lab: ")
