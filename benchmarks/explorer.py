"""How long the log explorer keeps its user waiting, measured in the browser, on a log of ten million predictions.

Run: ``.venv/bin/python benchmarks/explorer.py [--millions 10] [--folder build/benchmarks]``; ``make wheel`` builds the
front end, and Debian's chromium must be installed. Prints a table and one line of JSON, and writes
``benchmarks/explorer.json``.

A notebook in a real JupyterLab opens the log in one cell; the next one shows it, and imports what that needs: three
times, each in a new page and a new kernel. Each time is what passes in the page between the last thing that the user
does (the keys that run a cell or enter a filter, the press that chooses an order, the bar that is moved, the stretch of
the timeline that is let go, the cell of a linked view of drift that is pressed) and the first row of the answer
standing there as text. Filters and orders are by columns of the predictions and by inputs, numbers and text, most of
them not read before; a column is pressed and its order chosen at once, so that what is counted for it is in the way.
Bytes are those of the frames that the page's socket received meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen

from made_log import DEFAULT_FOLDER, made_log
from playwright.sync_api import sync_playwright
from result import keep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

WORD = "measured"
DAY = re.compile("2024-01-")
PAINTS = 3
#: Milliseconds, and bytes.
Taken = tuple[float, int]

#: Each is by a column that was not read before, or with another number than before.
FILTERS = [
    *(f"outputs.score > {share / 100}" for share in (60, 70, 80, 90)),
    *("latency_ms > 12.5", "decision = 'approve'", "model_version = '1'", "decision = 'deny' AND latency_ms < 3"),
    *(f"inputs.feature_05 > {number}" for number in (52, 55, 60)),
    *("inputs.feature_00 = 'Bern'", "inputs.feature_00 <> 'Oslo' AND inputs.feature_06 > 61"),
]
ORDERS = [
    *("outputs.score", "latency_ms", "occurred_at", "sequence", "decision", "model_version", "subject_id"),
    *("inputs.feature_05", "inputs.feature_07", "inputs.feature_00"),
]
SHARES = (0.5, 0.25, 0.75, 0.1, 0.9)
PRESSED = (3, 8, 13, 18)

#: Remembers when the user did what is waited for, and when the first row is another one than before, and whole.
ARM = """kind => {
  const seen = () => {
    const said = document.querySelector('.al-explorer .al-said');
    const cell = document.querySelector('.al-explorer tbody tr td');
    return (said ? said.textContent : '') + (cell ? cell.textContent : '');
  };
  const before = seen();
  let acted = null;
  const act = event => { acted = event.timeStamp; };
  window.addEventListener(kind, act, { capture: true });
  const begun = performance.now();
  window.answered = new Promise((resolve, reject) => {
    const look = () => {
      const grid = document.querySelector('.al-explorer .al-grid');
      const cell = document.querySelector('.al-explorer tbody tr td');
      const said = document.querySelector('.al-explorer .al-said');
      const here = cell && !cell.classList.contains('al-waiting') && grid.getAttribute('aria-busy') !== 'true';
      if (acted !== null && here && !said.textContent.startsWith('Counting') && seen() !== before) {
        window.removeEventListener(kind, act, { capture: true });
        resolve([performance.now() - acted, seen()]);
      } else if (performance.now() - begun > 120000) {
        reject(new Error('no row came within two minutes'));
      } else {
        setTimeout(look, 4);
      }
    };
    look();
  });
}"""


class Measured:
    """The page, and the bytes that its sockets received."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.bytes = 0
        page.on("websocket", lambda opened: opened.on("framereceived", self._came))

    def _came(self, frame: str | bytes) -> None:
        self.bytes += len(frame)

    def waited(self, kind: str, act: Any) -> Taken:
        """Return the milliseconds from the last event of a kind to the first row of its answer, and the bytes."""
        self.bytes = 0
        self.page.evaluate(ARM, kind)
        act()
        taken, seen = self.page.evaluate("() => window.answered")
        print(f"  {taken:8.0f} ms {self.bytes / 1000:6.0f} kB  {seen[:90]}", flush=True)
        return float(taken), self.bytes


def lab(folder: Path) -> Iterator[str]:
    """Run a JupyterLab over a folder; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"),
        *(f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={WORD}", "--LabApp.news_url="),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    settings = folder / ".settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    environment = {**os.environ, "JUPYTERLAB_SETTINGS_DIR": str(folder / ".settings"), "HOME": str(folder)}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{port}/api", timeout=5):
                    break
            except URLError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def notebook(folder: Path, log: Path) -> None:
    """Write a notebook whose first cell opens the log, whose second shows it, and whose third shows drift with it."""
    sources = [
        f"import audit_lab as al\nlog = al.open({str(log)!r})\nal.__version__",
        "explorer = al.view(log)\nexplorer",
        "al.view(log.drift(['feature_05'], every='1d')).link(explorer)",
    ]
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for number, source in enumerate(sources)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    (folder / "explore.ipynb").write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells})
    )


def spread(taken: list[Taken]) -> dict[str, Any]:
    """Return median and slowest in milliseconds, and the most bytes."""
    times = [milliseconds for milliseconds, _ in taken]
    return {
        "median_ms": round(statistics.median(times)),
        "slowest_ms": round(max(times)),
        "most_kb": round(max(count for _, count in taken) / 1000),
        "times": len(taken),
    }


def painted(measured: Measured, address: str) -> Taken:
    """Show the log in a new page on a new kernel, and return how long that took."""
    page = measured.page
    page.goto(f"{address}/lab/tree/explore.ipynb?token={WORD}&reset")
    page.get_by_role("button", name="Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    cells = page.locator(".jp-NotebookPanel .jp-CodeCell")
    cells.nth(0).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    cells.nth(0).locator(".jp-OutputArea-output").wait_for(timeout=60_000)
    page.get_by_role("button", name="Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    paint = measured.waited("keydown", lambda: page.keyboard.press("Control+Enter"))
    page.locator(".al-explorer .al-timeline rect").nth(1).wait_for(timeout=60_000, state="attached")
    return paint


class Hands:
    """What a user does with the table."""

    def __init__(self, measured: Measured) -> None:
        self.measured = measured
        self.page = measured.page
        self.shown = self.page.locator(".al-explorer")

    def choose(self, columns: list[str]) -> None:
        """Have columns shown."""
        self.shown.locator("summary").click()
        for column in columns:
            box = self.shown.get_by_label(column, exact=True)
            if not box.is_checked():
                box.check()
        self.shown.locator("summary").click()

    def enter(self, text: str) -> Taken:
        """Filter."""
        field = self.shown.get_by_role("combobox")
        field.fill(text)
        return self.measured.waited("keydown", lambda: field.press("Enter"))

    def order(self, column: str) -> Taken:
        """Press the name of a column, and choose its order at once."""

        def press() -> None:
            self.shown.get_by_role("button", name=column, exact=True).first.click()
            self.shown.get_by_role("button", name="Greatest first").click()

        return self.measured.waited("click", press)

    def jump(self, share: float) -> Taken:
        """Move the bar."""
        moved = f"bar => bar.scrollTo(0, (bar.scrollHeight - bar.clientHeight) * {share})"
        return self.measured.waited("scroll", lambda: self.shown.locator(".al-bar").evaluate(moved))

    def brush(self, start: float, stop: float) -> Taken:
        """Drag over the timeline, and let go."""
        box = self.shown.locator(".al-timeline svg").bounding_box()
        if box is None:
            raise AssertionError("the timeline is not there")
        self.page.mouse.move(box["x"] + box["width"] * start, box["y"] + 20)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + box["width"] * stop, box["y"] + 20, steps=4)
        return self.measured.waited("pointerup", self.page.mouse.up)

    def clear(self) -> None:
        """Take filter and stretch of time away, and look at what is there then."""
        self.shown.get_by_role("button", name="Clear").click()
        time.sleep(2)

    def press_days(self, places: tuple[int, ...]) -> list[Taken]:
        """Show drift by days in the third cell, and press days of it."""
        cell = self.page.locator(".jp-NotebookPanel .jp-CodeCell").nth(2)
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        days = cell.locator(".jp-OutputArea-output button", has_text=DAY)
        days.nth(max(places)).wait_for(timeout=120_000)
        taken = []
        for place in places:
            time.sleep(8)  # the decisions of the days that were pressed before are listed
            taken.append(self.measured.waited("click", days.nth(place).click))
        return taken


def measure(measured: Measured) -> dict[str, list[Taken]]:
    """Do what a user does, and return how long each kind of thing took."""
    time.sleep(5)  # what the first look began, such as an index, ends before others are measured
    hands = Hands(measured)
    hands.choose(ORDERS)
    filters = [hands.enter(text) for text in FILTERS]
    hands.clear()
    orders, first_jumps, jumps, brushes = [], [], [], []
    for number, column in enumerate(ORDERS):
        orders.append(hands.order(column))
        first_jumps.append(hands.jump(SHARES[0]))
        jumps += [hands.jump(share) for share in SHARES[1:]]
        start = 0.05 + 0.09 * number
        brushes.append(hands.brush(start, start + 0.04))
        hands.clear()
    return {
        "filter": filters,
        "order, first page": orders,
        "middle, first time": first_jumps,
        "further jumps": jumps,
        "timeline brushed": brushes,
        "linked view pressed": hands.press_days(PRESSED),
    }


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=int, default=10)
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    asked = parser.parse_args()
    log = made_log(asked.millions, asked.folder)
    paints, found = [], {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for number in range(1, PAINTS + 1):
            with tempfile.TemporaryDirectory() as place:
                notebook(Path(place), log.resolve())
                for address in lab(Path(place)):
                    measured = Measured(browser.new_page(viewport={"width": 1400, "height": 900}))
                    paints.append(painted(measured, address))
                    if number == PAINTS:
                        taken = {"first paint": paints, **measure(measured)}
                        found = {name: spread(each) for name, each in taken.items()}
                    measured.page.close()
        browser.close()
    for name, figures in found.items():
        times = f"{figures['median_ms']:>7} ms median {figures['slowest_ms']:>7} slowest"
        print(f"{name:20} {times} {figures['most_kb']:>6} kB")
    keep(__file__, found, millions=asked.millions)


if __name__ == "__main__":
    main()
