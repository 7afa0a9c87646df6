"""How long the log explorer keeps its user waiting, measured in the browser, on a log of ten million predictions.

Run: ``.venv/bin/python benchmarks/explorer.py [--millions 10] [--folder build/benchmarks]``; ``make wheel`` builds the
front end, and Debian's chromium must be installed. Prints a table and one line of JSON, and writes
``benchmarks/explorer.json``.

A notebook in a real JupyterLab opens the log in one cell; the next one shows it, and imports what that needs. Each time
is what passes in the page between what the user does and the first row of the answer standing there as text: the cell
that runs, a filter that is entered, an order that is chosen, the bar that is moved, a stretch of the timeline that is
let go. Bytes are those of the frames that the page's socket received meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
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
FILTERS = [f"outputs.score > {share / 100}" for share in (60, 65, 70, 75, 80, 85, 90)] + [
    "latency_ms > 12.5",
    "decision = 'approve'",
    "model_version = '1'",
]
ORDERS = ["outputs.score", "latency_ms", "occurred_at", "sequence", "decision"]
SHARES = (0.5, 0.25, 0.75, 0.1, 0.9, 0.4, 0.6)

#: Waits in the page itself until the first row is another one than before, and whole; returns milliseconds.
WAIT = """([before, start]) => new Promise((resolve, reject) => {
  const look = () => {
    const cell = document.querySelector('.al-explorer tbody tr td');
    const said = document.querySelector('.al-explorer .al-said');
    const counted = said && !said.textContent.startsWith('Counting');
    if (cell && counted && !cell.classList.contains('al-waiting') && said.textContent + cell.textContent !== before) {
      resolve(performance.now() - start);
    } else if (performance.now() - start > 120000) {
      reject(new Error('no row came within two minutes'));
    } else {
      setTimeout(look, 4);
    }
  };
  look();
})"""
NOW = """() => {
  const said = document.querySelector('.al-explorer .al-said');
  const cell = document.querySelector('.al-explorer tbody tr td');
  return (said ? said.textContent : '') + (cell ? cell.textContent : '');
}"""


class Measured:
    """The page, and the bytes that its sockets received."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.bytes = 0
        page.on("websocket", lambda opened: opened.on("framereceived", self._came))

    def _came(self, frame: str | bytes) -> None:
        self.bytes += len(frame)

    def waited(self, act: Any) -> tuple[float, int]:
        """Return the milliseconds from what is done to the first row of its answer, and the bytes that came."""
        before, self.bytes = self.page.evaluate(NOW), 0
        start = self.page.evaluate("() => performance.now()")
        act()
        taken = self.page.evaluate(WAIT, [before, start])
        print(f"  {taken:8.0f} ms {self.bytes / 1000:6.0f} kB  {self.page.evaluate(NOW)[:90]}", flush=True)
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
    """Write a notebook whose first cell opens the log, and whose second shows it."""
    sources = [f"import audit_lab as al\nlog = al.open({str(log)!r})\nal.__version__", "al.view(log)"]
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


def spread(taken: list[tuple[float, int]]) -> dict[str, Any]:
    """Return median and slowest in milliseconds, and the most bytes."""
    times = [milliseconds for milliseconds, _ in taken]
    return {
        "median_ms": round(statistics.median(times)),
        "slowest_ms": round(max(times)),
        "most_kb": round(max(count for _, count in taken) / 1000),
        "times": len(taken),
    }


def measure(page: Page, address: str) -> dict[str, Any]:
    """Do what a user does, and return how long each kind of thing took."""
    measured = Measured(page)
    page.goto(f"{address}/lab/tree/explore.ipynb?token={WORD}&reset")
    page.get_by_role("button", name="Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    cells = page.locator(".jp-NotebookPanel .jp-CodeCell")
    cells.nth(0).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    cells.nth(0).locator(".jp-OutputArea-output").wait_for(timeout=60_000)
    paint = measured.waited(lambda: page.keyboard.press("Control+Enter"))
    shown = page.locator(".al-explorer")
    shown.locator(".al-timeline rect").nth(1).wait_for(timeout=60_000, state="attached")
    time.sleep(5)  # what the first look began, such as an index, ends before others are measured
    field = shown.get_by_role("combobox")

    def enter(text: str) -> None:
        field.fill(text)
        field.press("Enter")

    def order(column: str) -> None:
        shown.get_by_role("button", name=column, exact=True).first.click()
        shown.get_by_role("button", name="Greatest first").click()

    def jump(share: float) -> None:
        shown.locator(".al-bar").evaluate(f"bar => bar.scrollTo(0, (bar.scrollHeight - bar.clientHeight) * {share})")

    def brush(start: float, stop: float) -> None:
        box = shown.locator(".al-timeline svg").bounding_box()
        if box is None:
            raise AssertionError("the timeline is not there")
        page.mouse.move(box["x"] + box["width"] * start, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * stop, box["y"] + 20, steps=2)
        page.mouse.up()

    shown.locator("summary").click()
    for column in ORDERS:
        box = shown.get_by_label(column, exact=True)
        if not box.is_checked():
            box.check()
    shown.locator("summary").click()
    filters = [measured.waited(lambda text=text: enter(text)) for text in FILTERS]
    shown.get_by_role("button", name="Clear").click()
    time.sleep(3)
    orders, first_jumps, jumps = [], [], []
    for column in ORDERS:
        orders.append(measured.waited(lambda column=column: order(column)))
        first_jumps.append(measured.waited(lambda: jump(SHARES[0])))
        jumps += [measured.waited(lambda share=share: jump(share)) for share in SHARES[1:]]
    brushes = []
    for start in (0.1, 0.3, 0.5, 0.7):
        brushes.append(measured.waited(lambda start=start: brush(start, start + 0.05)))
        shown.get_by_role("button", name="Clear").click()
        time.sleep(3)
    return {
        "first paint": spread([paint]),
        "filter": spread(filters),
        "order, first page": spread(orders),
        "middle, first time": spread(first_jumps),
        "further jumps": spread(jumps),
        "timeline brushed": spread(brushes),
    }


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=int, default=10)
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    asked = parser.parse_args()
    log = made_log(asked.millions, asked.folder)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = Path(place)
        notebook(folder, log.resolve())
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for address in lab(folder):
            found = measure(browser.new_page(viewport={"width": 1400, "height": 900}), address)
        browser.close()
    for name, figures in found.items():
        times = f"{figures['median_ms']:>7} ms median {figures['slowest_ms']:>7} slowest"
        print(f"{name:20} {times} {figures['most_kb']:>6} kB")
    keep(__file__, found, millions=asked.millions)


if __name__ == "__main__":
    main()
