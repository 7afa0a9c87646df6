"""The clean bundle passes; each attack of the table gets its findings, and no other."""

from __future__ import annotations

import time
import tracemalloc
from collections import Counter

import pytest
from attack import prepare
from attack_scene import TRUST, archived
from attack_table import ATTACKS

from audit_lab.seal.report import Verdict
from audit_lab.verifier import bundle as verifier

LONGEST_S, MOST_BYTES = 5.0, 64 << 20


@pytest.fixture(scope="module")
def carried_out(scene, tmp_path_factory):
    """Return a function that carries an attack out, once."""
    folder, done = tmp_path_factory.mktemp("attacked"), {}

    def carry_out(attack):
        if id(attack) not in done:
            done[id(attack)] = prepare(attack, scene, folder)
        return done[id(attack)]

    return carry_out


def test_the_clean_bundle_passes(scene, tmp_path):
    path = tmp_path / "INC-1.zip"
    path.write_bytes(archived(scene.files))
    report = verifier.examine_bundle(path, TRUST, require_sign_offs=())
    assert (report.verdict, report.findings) == (Verdict.UNANCHORED, ())


@pytest.mark.parametrize("attack", [pytest.param(each, id=f"{each.number} {each.name}") for each in ATTACKS])
def test_attack(attack, carried_out, monkeypatch):
    monkeypatch.setattr("socket.socket", lambda *_: pytest.fail("something was fetched"))
    prepared = carried_out(attack)
    assert prepared.outcome(verifier) == prepared.expected


def test_no_attack_is_there_twice():
    assert [name for name, count in Counter((each.number, each.name) for each in ATTACKS).items() if count > 1] == []


@pytest.mark.parametrize("attack", [each for each in ATTACKS if each.number == 22], ids=lambda each: each.name)
def test_a_hostile_shape_is_refused_within_bounds(attack, carried_out):
    prepared = carried_out(attack)
    tracemalloc.start()
    try:
        begun = time.process_time()
        prepared.outcome(verifier)
        spent_s, most = time.process_time() - begun, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert spent_s < LONGEST_S
    assert most < MOST_BYTES
