"""``verify.html`` against the table of attacks on a bundle: it finds in each what the verifier must, where it looks.

Every day, ``test_verify_page.py`` holds it to a share of them.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_lab.evidence.verify_page import checking_page
from audit_lab.seal.trust import Trust

sys.path.insert(0, str(Path(__file__).parents[1] / "attacks"))
from attack import MISUSE, prepare
from attack_scene import export_clean
from attack_table import ATTACKS

from tests.browser.test_verify_page import DONE, Shown, paste

pytestmark = [pytest.mark.browser, pytest.mark.soak]

#: What the page leaves to the verifier, as docs/verifier.md says: these codes never come from it.
LEFT = ("timestamp.", "anchor.", "sign-off.missing", "sign-off.rejected", "sign-off.no-rule", "bundle.older-")
LEFT += ("bundle.no-checkpoint", "bundle.other-log", "bundle.forked-log")
#: Where a time stamp may date the signature it is left open whether a key signed in time.
ENDED = ("signature.key-revoked", "signature.key-expired")


MOST_MS = 120_000


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return export_clean(tmp_path_factory.mktemp("clean"))


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "verify.html"
    path.write_bytes(checking_page())
    opened = browser.new_page()
    opened.set_default_timeout(MOST_MS)
    opened.goto(path.as_uri())
    yield opened
    opened.close()


def is_stamped(content):
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "timestamp.tsr" in archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return False


def on_the_page(page, path, trust):
    paste(page, trust)
    page.locator("#archive").set_input_files(path)
    page.wait_for_selector(DONE, state="attached")
    return sorted(" ".join(found) for found in Shown(page).findings())


def differing(page, scene, folder, attacks):
    """Return the attacks in which the page finds something else than the table says, where it looks."""
    found = {}
    for number, attack in enumerate(attacks):
        if attack.on_disk or attack.verdict == MISUSE:
            continue
        prepared = prepare(attack, scene, folder)
        if not isinstance(prepared.content, bytes) or len(prepared.content) > 20_000_000:
            continue
        path = folder / f"{number}.zip"
        path.write_bytes(prepared.content)
        trust = attack.trust() if callable(attack.trust) else attack.trust
        left = (*LEFT, *ENDED) if is_stamped(prepared.content) else LEFT
        expected = [each for each in prepared.found if not each.startswith(left)]
        known = attack.options.get("known")
        page.clock.set_fixed_time(known.clock if known and known.clock else datetime.now(UTC))
        shown = on_the_page(page, path, trust or Trust())
        if shown != sorted(expected):
            found[f"{attack.number} {attack.name}"] = (shown, expected)
        path.unlink()
    return found


def test_every_attack(page, scene, tmp_path):
    assert differing(page, scene, tmp_path, ATTACKS) == {}


def test_the_page_about_attacks_says_what_is_left():
    said = (Path(__file__).parents[2] / "docs" / "verifier.md").read_text("utf-8")
    paragraph = re.search(r"(?s)\*\*The page in a browser\*\*.*?\n\n", said)[0]
    assert {each.removesuffix("*") for each in re.findall(r"`([^`]+)`", paragraph)} == {*LEFT, *ENDED, "verify.html"}
