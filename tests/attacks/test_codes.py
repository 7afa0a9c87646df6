"""Every finding that the light verifier can give of a bundle is named by an attack."""

from __future__ import annotations

import ast
import re

import mutation
import recorded
from attack_table import ATTACKS

CODE = re.compile(r"[a-z]+(-[a-z]+)*\.[a-z0-9]+(-[a-z0-9]+)*")
#: What looks like a code and is the name of a file, or a code of writing.
OTHERS = {"bagit.txt", "bag-info.txt", "timestamp.tsr", "json.not-canonical"}
#: What is put together from a kind and a reason: the function that is told the reason, or the table that has it.
PREFIXES = {"verifier.sign_offs": ("_wrong", "sign-off"), "seal.custody": ("setdefault", "custody")}


def codes(module: str) -> set[str]:
    """Return the codes in the source of a module."""
    tree = ast.parse((mutation.PACKAGE / f"{module.replace('.', '/')}.py").read_text("utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    found = {text for text in texts if CODE.fullmatch(text)} - OTHERS
    if module in PREFIXES:
        function, kind = PREFIXES[module]
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
        named = [call for call in calls if getattr(call.func, "id", getattr(call.func, "attr", "")) == function]
        reasons = [call.args[0].value for call in named if isinstance(call.args[0], ast.Constant)]
        found |= {f"{kind}.{reason}" for reason in reasons}
    return found


def in_table() -> set[str]:
    return {found.split(" ")[0] for attack in ATTACKS for found in attack.found}


def test_the_table_names_every_code_of_the_modules_that_it_is_about():
    assert {code for module in mutation.MODULES for code in codes(module)} - in_table() == set()


def test_the_tests_of_proofs_and_time_stamps_name_every_code_of_theirs():
    suites = [*recorded.SUITES, *(recorded.TESTS / "seal").glob("test_*.py")]
    text = "".join(suite.read_text("utf-8") for suite in suites)
    made = {code for module in recorded.MODULES for code in codes(module)}
    assert {code for code in made - in_table() if code not in text} == set()
