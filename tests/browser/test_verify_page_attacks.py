"""``verify.html`` against the table of attacks on a bundle: it finds in each what the verifier must, where it looks.

Every day, ``test_verify_page.py`` holds it to a share of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from audit_lab.evidence.verify_page import checking_page
from audit_lab.seal.trust import format_trust

sys.path.insert(0, str(Path(__file__).parents[1] / "attacks"))
from attack import prepare
from attack_scene import TRUST, export_clean
from attack_table import ATTACKS

from tests.browser.test_verify_page import DONE, Shown

pytestmark = [pytest.mark.browser, pytest.mark.soak]

#: What the page leaves to the verifier, and says so: these codes never come from it.
LEFT = ("research-object.", "timestamp.", "anchor.", "sign-off.missing", "sign-off.rejected")
LEFT_FILE = " data/ro-crate-metadata.json"


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return export_clean(tmp_path_factory.mktemp("clean"))


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "verify.html"
    path.write_bytes(checking_page())
    opened = browser.new_page()
    opened.goto(path.as_uri())
    opened.locator("#investigator-keys").fill(format_trust(TRUST.keys))
    yield opened
    opened.close()


def on_the_page(page, content):
    page.locator("#archive").set_input_files([{"name": "x.zip", "mimeType": "application/zip", "buffer": content}])
    page.wait_for_selector(DONE, state="attached")
    return sorted(" ".join(found) for found in Shown(page).findings())


def differing(page, scene, folder, attacks):
    """Return the attacks in which the page finds something else than the table says, where it looks."""
    found = {}
    for attack in attacks:
        if attack.on_disk or attack.trust is not TRUST or attack.options:
            continue
        prepared = prepare(attack, scene, folder)
        if not isinstance(prepared.content, bytes) or len(prepared.content) > 20_000_000:
            continue
        expected = [each for each in prepared.found if not each.startswith(LEFT) and not each.endswith(LEFT_FILE)]
        shown = on_the_page(page, prepared.content)
        if shown != sorted(expected):
            found[f"{attack.number} {attack.name}"] = (shown, expected)
    return found


def test_every_attack(page, scene, tmp_path):
    assert differing(page, scene, tmp_path, ATTACKS) == {}
