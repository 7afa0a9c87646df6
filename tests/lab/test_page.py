"""What docs/jupyterlab.md says of addresses, settings and keys is what there is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import audit_lab.lab

sys.path.insert(0, str(Path(__file__).parents[1]))
from pages import table

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "jupyterlab.md").read_text()
SCHEMA = json.loads((ROOT / "extensions" / "labextension" / "schema" / "plugin.json").read_text())


def test_the_page_names_every_address_and_its_methods():
    specification = json.loads((Path(audit_lab.lab.__file__).parent / "openapi.json").read_text())
    stated = {row[0].strip("`"): row[1] for row in table(PAGE, "address")}
    assert stated == {
        path: ", ".join(name for name in ("get", "post", "delete") if name in of)
        for path, of in specification["paths"].items()
    }


def test_the_page_names_every_setting_and_key():
    assert [row[0].strip("`") for row in table(PAGE, "setting")] == list(SCHEMA["properties"])
    keys = [" ".join(shortcut["keys"]) for shortcut in SCHEMA["jupyter.lab.shortcuts"]]
    assert [row[0].strip("`") for row in table(PAGE, "keys")] == keys


def test_no_key_of_ours_is_one_of_jupyterlab_s():
    schemas = list((Path(sys.prefix) / "share" / "jupyter" / "lab" / "schemas").rglob("*.json"))
    theirs = {
        tuple(shortcut["keys"])
        for schema in schemas
        for shortcut in json.loads(schema.read_text()).get("jupyter.lab.shortcuts", [])
    }
    assert ("Accel Shift C",) in theirs
    assert {tuple(shortcut["keys"]) for shortcut in SCHEMA["jupyter.lab.shortcuts"]} & theirs == set()


def test_every_command_with_keys_or_a_place_in_a_menu_is_one_that_there_is():
    tokens = (ROOT / "extensions" / "labextension" / "src" / "tokens.ts").read_text()
    menus = SCHEMA["jupyter.lab.menus"]
    of_menus = menus["context"] + [item for menu in menus["main"] for item in menu["items"]]
    assert {each["command"] for each in of_menus} > {"audit-lab:help"}
    named = SCHEMA["jupyter.lab.shortcuts"] + of_menus
    assert [each["command"] for each in named if f"'{each['command']}'" not in tokens] == []
