"""JupyterLab as a user has it: the wheel installed beside nothing else of ours, a folder of logs, Debian's Chromium.

One server serves every test, and one page all of those in JupyterLab: before each, what the last one left open is
closed and a new notebook is opened on the kernel that runs already. The outside is blocked for all of them: nobody
resolves a name for the browser, and no process of the server opens a connection that leaves this machine (`guard`).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import polars as pl
import pytest
from playwright.sync_api import expect

from audit_lab.log.files.write import write_log
from audit_lab.seal.key_file import write_key
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.trust import ANY_ORIGIN, TrustedKey, format_trust

sys.path.insert(0, str(Path(__file__).parent))
from lab_page import TOKEN
from watching import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
GUARD = Path(__file__).parent / "guard"
_PATIENCE_MS = 60_000
_PASSPHRASE = "a passphrase of this test"

#: Closes whatever is open, without asking, and opens a notebook on a kernel that runs, if one does.
_BEGIN_ANEW = """async ([path, kernel]) => {
  const app = window.jupyterapp;
  window.isBegunAnew = true;
  document.querySelectorAll('.jp-Dialog').forEach(dialog => dialog.remove());
  const before = [...app.shell.widgets('main')];
  // After a reload the file browser goes back to the folder that it showed, when it comes to it.
  await [...app.shell.widgets('left')].find(widget => widget.id === 'filebrowser').model.restored;
  await app.serviceManager.kernels.refreshRunning();
  if ([...app.serviceManager.kernels.running()].some(model => model.id === kernel)) {
    // A kernel that tests share knows of no case that another has opened.
    const shared = app.serviceManager.kernels.connectTo({ model: { id: kernel, name: 'python3' } });
    const forgotten = shared.requestExecute({ code: "globals().pop('case', None)", silent: true }).done;
    await Promise.race([forgotten, new Promise(late => setTimeout(late, 5000))]);
    shared.dispose();
  }
  const options = kernel === null ? {} : { kernel: { id: kernel } };
  const panel = await app.commands.execute('docmanager:open', { path, factory: 'Notebook', ...options });
  for (const widget of before) {
    if (widget.context !== undefined) {
      widget.context.model.dirty = false;
    }
    widget.close();
  }
  await panel.sessionContext.ready;
  app.shell.activateById('audit-lab-panel');
  await app.commands.execute('audit-lab:refresh-logs');
  app.shell.activateById(panel.id);
  window.isBegunAnew = false;
  return panel.sessionContext.session.kernel.id;
}"""

#: Tells `executed` which commands are executed, but for those by which a test's page is made ready.
_TELL_COMMANDS = """(() => {
  const connect = () => {
    if (window.jupyterapp === undefined) {
      setTimeout(connect, 100);
    } else {
      window.jupyterapp.commands.commandExecuted.connect((_, { id }) => window.isBegunAnew || window.executed(id));
    }
  };
  connect();
})();"""


@dataclass
class Lab:
    """A running JupyterLab, and the folder that it shows."""

    url: str
    folder: Path
    outside: Path

    def tried(self) -> list[str]:
        """Return what processes of the server tried to reach beyond this machine."""
        return self.outside.read_text().splitlines() if self.outside.exists() else []


def unavailable(reason: str) -> None:
    """Skip with a reason; where everything must be there (CI), fail with it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    chromium = shutil.which("chromium")
    if chromium is None:
        unavailable("Debian's chromium is not installed (apt-get install chromium)")
    blocked = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    return {**browser_type_launch_args, "executable_path": chromium, "args": [blocked]}


@pytest.fixture(scope="session")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a prefix that holds the installed wheel: the one in AUDIT_LAB_WHEEL, or one built here."""
    inside = os.environ.get("AUDIT_LAB_TEST_INSIDE")
    if inside is not None:  # there, nothing can be installed: that was done outside
        return Path(inside)
    wheel = os.environ.get("AUDIT_LAB_WHEEL")
    if wheel is None:
        if shutil.which("node") is None:
            unavailable("node is not installed, so the wheel cannot be built (apt-get install nodejs npm)")
        folder = tmp_path_factory.mktemp("wheel")
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], {**os.environ, "PATH": path}
        )
        wheel = str(next(folder.glob("*.whl")))
    prefix = tmp_path_factory.mktemp("prefix")
    if find_spec("pip") is not None:
        installer = [sys.executable, "-m", "pip", "install", "--ignore-installed", "--disable-pip-version-check"]
    else:
        installer = ["uv", "pip", "install", "--python", sys.executable]
    run([*installer, "--no-deps", "--prefix", str(prefix), wheel], dict(os.environ))
    return prefix


@pytest.fixture(scope="session")
def lab(prefix: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    base = tmp_path_factory.mktemp("lab")
    folder = base / "work"
    prepare(folder)
    # A key of this test signs what is exported.
    key = SigningKey.generate("records-office")
    key_file = write_key(base / "key", key, _PASSPHRASE.encode())
    pinned = TrustedKey(key.public, "investigator", ANY_ORIGIN)
    (folder / "pinned.trust.toml").write_text(format_trust([pinned]))
    # The question whether Jupyter may fetch its news is answered, so that it does not cover what is looked at.
    notification = base / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    notification.parent.mkdir(parents=True)
    notification.write_text('{"fetchNews": "false"}')
    site = next((prefix / "lib").glob("python*/site-packages"))
    port = free_port()
    environment = {
        **os.environ,
        "HOME": str(base),
        "JUPYTER_CONFIG_DIR": str(base / "config"),
        "JUPYTER_DATA_DIR": str(base / "data"),
        "JUPYTER_RUNTIME_DIR": str(base / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(base / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(base / "workspaces"),
        "IPYTHONDIR": str(base / "ipython"),
        "JUPYTER_PATH": str(prefix / "share" / "jupyter"),
        "JUPYTER_CONFIG_PATH": str(prefix / "etc" / "jupyter"),
        "PYTHONPATH": os.pathsep.join([str(GUARD), str(site)]),
        "AUDIT_LAB_KEY": str(key_file),
        "AUDIT_LAB_PASSPHRASE": _PASSPHRASE,
        "AUDIT_LAB_TEST_OUTSIDE": str(base / "outside"),
    }
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"),
        *("--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={TOKEN}"),
        *("--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"),
        *("--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True"),
        "--JupyterNotebookApp.expose_app_in_browser=True",
    ]
    with (base / "lab.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        wait_until_up(f"http://127.0.0.1:{port}/api", process, base / "lab.log")
        yield Lab(f"http://127.0.0.1:{port}", folder, base / "outside")
    finally:
        process.terminate()
        process.wait(timeout=120)


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, object]) -> dict[str, object]:
    return {**browser_context_args, "viewport": {"width": 1400, "height": 900}}


@dataclass
class Window:
    """A page of the browser on JupyterLab, and the kernel that its notebooks share.

    `is_fresh` says that nothing is known of what the page shows, so that it is loaded anew. `executed` are the ids of
    the commands that were executed in the session, `known` those of the commands that there are.
    """

    page: Page
    watch: Watch
    kernel: str | None = None
    is_fresh: bool = True
    opened: int = 0
    executed: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)

    def note(self, command: str) -> None:
        """Take down a command that was executed."""
        self.executed.add(command)


@pytest.fixture(scope="session")
def window(lab: Lab, browser: Browser, browser_context_args: dict[str, object]) -> Iterator[Window]:
    """Open the page that the tests share."""
    context = browser.new_context(**browser_context_args)
    context.set_default_timeout(_PATIENCE_MS)
    context.set_default_navigation_timeout(_PATIENCE_MS)
    expect.set_options(timeout=_PATIENCE_MS)
    watch = Watch(urlsplit(lab.url).netloc)
    context.on("page", watch.follow)
    context.add_init_script(_TELL_COMMANDS)
    window = Window(context.new_page(), watch)
    context.expose_function("executed", window.note)
    yield window
    context.close()


@pytest.fixture
def watch(window: Window, lab: Lab) -> Iterator[Watch]:
    """Hold what the page and the server do during one test against what they must not do."""
    window.watch.complaints.clear()
    before = lab.tried()
    yield window.watch
    assert window.watch.complaints == [], "\n".join(window.watch.complaints)
    assert lab.tried() == before


@pytest.fixture
def unreadable_log(lab: Lab) -> Iterator[None]:
    """Lay a log with a torn manifest into the working folder."""
    folder = lab.folder / "unreadable"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"format": "audit_lab.log", "tables": {')
    yield
    shutil.rmtree(folder)


@pytest.fixture
def hostile_log(lab: Lab) -> Iterator[str]:
    """Lay a log whose every text is markup into the working folder; return that text."""
    text = "<img src=x onerror=document.title='owned'>"
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    columns = ["prediction_id", "model_name", "model_version", "decision", "decision_rule"]
    rows = pl.DataFrame({"occurred_at": [at], "recorded_at": [at], **{column: [text] for column in columns}})
    about = {"origin": text, "description": text, "notes": [text]}
    write_log(lab.folder / "uploads" / text, {"predictions": rows}, about)
    yield text
    shutil.rmtree(lab.folder / "uploads")


@pytest.fixture
def notebook(lab: Lab, watch: Watch, window: Window, request: pytest.FixtureRequest) -> Page:
    """Return the page with a new notebook open, its kernel ready and the Audit Lab panel shown; nothing else."""
    page = window.page
    window.opened += 1
    name = f"notebooks/{Path(request.node.path).stem}-{window.opened}.ipynb"
    shutil.copy(lab.folder / "notebooks" / "investigation.ipynb", lab.folder / name)
    if window.is_fresh:
        page.goto(f"{lab.url}/lab?token={TOKEN}&reset")
    page.wait_for_function("window.jupyterapp !== undefined")
    page.evaluate("window.jupyterapp.restored")  # the last test may have reloaded it
    window.is_fresh = True  # and stays so where this test comes to no good end
    window.kernel = page.evaluate(_BEGIN_ANEW, [name, window.kernel])
    window.known |= set(page.evaluate("[...window.jupyterapp.commands.listCommands()]"))
    window.is_fresh = False
    search = page.get_by_role("searchbox", name="Search for a prediction id")
    if search.count() and search.input_value():
        search.fill("")
    return page


def prepare(folder: Path) -> None:
    """Lay out a working folder: the sample logs, and a notebook in a folder beside them."""
    for log in ("credit", "flights"):
        shutil.copytree(ROOT / "sample_data" / log, folder / "sample_data" / log)
    cells = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# Which version decided?"},
        {"cell_type": "code", "id": "first", "metadata": {}, "source": "", "outputs": [], "execution_count": None},
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "investigation.ipynb").write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells})
    )


@pytest.fixture
def picture(tmp_path):
    """Take a picture of the page: for the README where AUDIT_LAB_PICTURES=1, else to be looked at and forgotten."""
    folder = ROOT / "docs" / "pictures" if os.environ.get("AUDIT_LAB_PICTURES") == "1" else tmp_path

    def take(page, name):
        page.mouse.move(700, 5)
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png")

    return take


def run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urlopen(url, timeout=5):
                return
        except URLError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not answer within two minutes:\n{log.read_text()}")
