"""Where a notebook opens its log, read without running it."""

from __future__ import annotations

import pytest

from audit_lab.errors import MisuseError
from audit_lab.evidence.rerun.log_place import log_place


@pytest.mark.parametrize(
    "sources",
    [
        ['al.open("../logs/flights")'],
        ['LOG = "../logs/flights"', "log = al.open(LOG, actor='jane')"],
        ["%matplotlib inline", 'import audit_lab\naudit_lab.open("../logs/./flights")'],
        ['al.open("../logs/flights")', 'open("../other")', "al.open(unknown)"],
    ],
)
def test_it_is_found_in_a_call_or_in_a_name(sources):
    assert str(log_place(sources)) == "/rerun/a/b/c/d/logs/flights"


@pytest.mark.parametrize(
    ("sources", "what"),
    [
        (["1 + 1"], "opens no log"),
        (['al.open("../a")', 'al.open("../b")'], "opens 2 logs"),
        (['al.open("/usr/bin")'], "not relative"),
        (['al.open("../../../../../../../etc")'], "not relative"),
        (['al.open("../../../../../work")'], "not relative"),
        (['al.open(".")'], "not relative"),
        (['al.open("..")'], "not relative"),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(sources, what):
    with pytest.raises(MisuseError, match=what):
        log_place(sources)
