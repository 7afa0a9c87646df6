"""Run uv: never with a shell, in an empty folder, with no more of the environment than it needs.

uv reads the configuration of the folder that it is started in and of those above, which somebody else may have written.
So it is told which file to use: the user's own, else the machine's, else none. Both are where the addresses of package
registries are set up, as are the ``UV_`` variables that pass.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from audit_lab.errors import ModelError
from audit_lab.log.files.printable import printable

__all__ = ["Outcome", "Uv"]

_LONGEST_RUN_S = 3_600.0
_UNREACHABLE = ("error sending request", "failed to fetch", "failed to download", "network connectivity is disabled")
_SHOWN = 300
#: Addresses can hold passwords, and say nothing to a reader.
_ADDRESS = re.compile(r"\S*://\S+")
_PASSED = frozenset(
    {
        *("ALL_PROXY", "CURL_CA_BUNDLE", "HOME", "HTTPS_PROXY", "HTTP_PROXY", "LANG", "NETRC", "NO_PROXY", "PATH"),
        *("SSL_CERT_DIR", "SSL_CERT_FILE", "SSL_CLIENT_CERT", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "USERPROFILE"),
        *("APPDATA", "LOCALAPPDATA", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME"),
        *("UV_CACHE_DIR", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INSECURE_HOST"),
        *("UV_KEYRING_PROVIDER", "UV_OFFLINE", "UV_PYTHON_INSTALL_DIR", "UV_SYSTEM_CERTS"),
    }
)
_PASSED_PREFIXES = ("UV_HTTP_", "UV_INDEX", "UV_CONCURRENT_")


@dataclass(frozen=True)
class Outcome:
    """How a run of uv ended."""

    code: int
    out: str
    error: str

    @property
    def done(self) -> bool:
        """Whether it did what it was asked."""
        return self.code == 0

    @property
    def unreachable(self) -> bool:
        """Whether no registry answered, as far as uv's words tell."""
        text = self.error.lower()
        return any(mark in text for mark in _UNREACHABLE)

    @property
    def reason(self) -> str:
        """The first lines of its complaint, addresses left out."""
        _, found, complaint = self.error.partition("error: ")
        lines = [_ADDRESS.sub("<address>", line.strip()) for line in complaint.splitlines() if line.strip()]
        return printable(" ".join(lines[:3]), _SHOWN) if found else f"uv ended with code {self.code}"


class Uv:
    """The uv of this installation.

    Parameters
    ----------
    folder
        An empty folder of the user's that uv is started in.
    offline
        Whether to use nothing but its cache.
    wheels
        A folder of wheels to take packages from, instead of from a registry.

    Raises
    ------
    ModelError
        Code ``environment-not-built``: uv is not installed.
    """

    def __init__(self, folder: Path, *, offline: bool = False, wheels: Path | None = None) -> None:
        self.folder = folder
        self.offline = offline
        self.wheels = wheels
        self._binary = _binary()

    def run(self, *arguments: str, timeout_s: float = _LONGEST_RUN_S) -> Outcome:
        """Run uv and wait for it; an interrupt ends it too.

        Raises
        ------
        ModelError
            Code ``environment-not-built``: it took longer than an hour, or cannot be started.
        """
        options = [*_configuration(), "--no-progress", "--color=never", "--no-python-downloads"]
        if self.wheels is not None and arguments[0] == "pip":
            arguments = (*arguments, "--no-index", "--find-links", str(self.wheels.resolve()))
        command = [self._binary, *options, *(["--offline"] if self.offline else []), *arguments]
        try:
            done = subprocess.run(  # noqa: S603 - uv itself, with arguments that were checked; no shell
                command,
                cwd=self.folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_s,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ModelError(
                f"uv could not be run ({type(error).__name__})",
                "Check that it starts: uv --version; then try again.",
                "environment-not-built",
            ) from error
        return Outcome(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def _binary() -> str:
    import uv

    try:
        return os.fspath(uv.find_uv_bin())
    except FileNotFoundError as error:
        raise ModelError(
            "uv, which builds recorded environments, is not where its package should have put it",
            "Install it again: pip install --force-reinstall uv.",
            "environment-not-built",
        ) from error


def _environment() -> dict[str, str]:
    """Return the variables that uv may see; certificates are those that the system trusts, as with pip."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _PASSED or name.startswith(_PASSED_PREFIXES)
    }
    return {"UV_SYSTEM_CERTS": "true", **passed}


def _configuration() -> list[str]:
    for path in (_user_configuration(), *_machine_configurations()):
        if path.is_file():
            return ["--config-file", str(path)]
    return ["--no-config"]


def _user_configuration() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home())) / "uv" / "uv.toml"
    stated = os.environ.get("XDG_CONFIG_HOME") or ""
    return (Path(stated) if Path(stated).is_absolute() else Path.home() / ".config") / "uv" / "uv.toml"


def _machine_configurations() -> list[Path]:
    if sys.platform == "win32":
        return [Path(os.environ.get("PROGRAMDATA", "C:/ProgramData")) / "uv" / "uv.toml"]
    folders = (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    return [Path(folder) / "uv" / "uv.toml" for folder in (*folders, "/etc") if Path(folder).is_absolute()]
