"""What the page about dossiers shows is run, on a copy of the sample log, and says what the page quotes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pypdf import PdfReader

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, command_of, surroundings

PAGE = Path(__file__).parents[1] / "docs" / "dossier.md"


def test_every_example_runs_and_says_what_the_page_quotes(credit, tmp_path):
    place = tmp_path / "place"
    shutil.copytree(credit, place / "credit")
    text = PAGE.read_text()
    (quoted,) = re.findall(r"(?m)^> .*\n(?:> .*\n)*", text)
    said = " ".join(quoted.replace("> ", "").split())
    written = []
    for language, content in blocks(text):
        done = subprocess.run(
            command_of(language, content),
            cwd=place,
            env=surroundings(tmp_path / "home"),
            capture_output=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, f"{content}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        assert said in " ".join(done.stdout.decode().split())
        pages = PdfReader(place / "letter.pdf").pages
        assert len(pages) == 2
        assert said.split(". ")[0] in " ".join(pages[0].extract_text().split())
        written.append(language)
    assert written == ["sh", "python"]
    assert json.loads((place / "letter.json").read_text())["integrity"]["verdict"] == "UNANCHORED"


def test_every_option_on_the_page_is_one_that_there_is():
    program = "from audit_lab.cli import main; main(['dossier', '--help'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    options = set(re.findall(r"--[a-z][a-z-]+", PAGE.read_text())) - {"--log"}
    assert len(options) > 8
    assert [option for option in sorted(options) if option not in done.stdout] == []
