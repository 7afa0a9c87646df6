"""A page of a bundle as PDF, printed by Chromium or WeasyPrint: no network, no script, the same bytes each time.

Neither comes with audit_lab: the export uses what the machine has. Both take the layout from the page's own print
styles. The document names the notebook that it shows, so that one of another notebook is found.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.verifier.layout import PDF_MARK

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["NO_PRINTER", "PRINTER_VARIABLE", "PdfPrinter", "pdf_printer"]

#: The environment variable that names what prints: ``chromium``, ``weasyprint``, or ``none``.
PRINTER_VARIABLE = "AUDIT_LAB_PDF"
NO_PRINTER = (
    "There is no PDF: neither Chromium nor WeasyPrint was found. Install one (on Debian: apt install chromium, or "
    "apt install weasyprint) and export again; the HTML prints as well."
)

_COMMANDS = {
    "chromium": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "weasyprint": ("weasyprint",),
}
_NONE = "none"
_LONGEST_S = 180
#: Chromium needs no switch to know that there is nothing to fetch: the page's own policy says it. This is the lock.
_CHROMIUM = (
    "--headless",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=127.0.0.1:9",
    "--no-pdf-header-footer",
)
_CHROMIUM_DATE = re.compile(rb"/(CreationDate|ModDate) \(D:\d{14}\+00'00'\)")
_HEAD_END = b"</head>"


@dataclass(frozen=True)
class PdfPrinter:
    """A program that prints: its kind, and where it is."""

    kind: str
    command: str

    def print_page(self, html: bytes, notebook_sha256: str, moment: datetime) -> bytes:
        """Return a page as PDF.

        Parameters
        ----------
        html
            A page of a bundle, which needs nothing but itself.
        notebook_sha256
            The digest of the notebook that it shows; the document names it.
        moment
            The time that the document states; the same inputs and the same program give the same bytes.

        Raises
        ------
        AuditLabError
            The program failed, or took longer than three minutes.
        """
        with tempfile.TemporaryDirectory(prefix="audit-lab-print-", ignore_cleanup_errors=True) as folder:
            source, target = Path(folder) / "page.html", Path(folder) / "page.pdf"
            making = self._chromium if self.kind == "chromium" else self._weasyprint
            command = making(html, source, target, _mark(notebook_sha256), moment)
            self._run(command, Path(folder), moment)
            try:
                printed = target.read_bytes()
            except OSError as error:
                raise self._failed("it wrote nothing") from error
        return _dated(printed, moment) if self.kind == "chromium" else printed

    def _chromium(self, html: bytes, source: Path, target: Path, mark: str, _moment: datetime) -> list[str]:
        source.write_bytes(html)
        # Chromium refuses to start as root unless its own sandbox is off; the page can run nothing in it.
        as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        profile = f"--user-data-dir={source.parent / 'profile'}"
        # What made the page goes into the document as its creator: Chromium takes that from its own name.
        name = f"--user-agent={mark}"
        return [self.command, *_CHROMIUM, *as_root, profile, name, f"--print-to-pdf={target}", source.as_uri()]

    def _weasyprint(self, html: bytes, source: Path, target: Path, mark: str, moment: datetime) -> list[str]:
        stated = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        facts = {"generator": mark, "dcterms.created": stated, "dcterms.modified": stated}
        metadata = "".join(f'<meta name="{name}" content="{value}">\n' for name, value in facts.items())
        source.write_bytes(html.replace(_HEAD_END, metadata.encode() + _HEAD_END, 1))
        return [self.command, "--quiet", "--pdf-identifier", mark, str(source), str(target)]

    def _run(self, command: list[str], folder: Path, moment: datetime) -> None:
        environment = {
            **{name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ},
            **dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"), str(folder)),
            "SOURCE_DATE_EPOCH": str(int(moment.timestamp())),
            "TZ": "UTC",
        }
        try:
            subprocess.run(  # noqa: S603 - the program was found on the path, the rest is ours
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=_LONGEST_S,
            )
        except subprocess.CalledProcessError as error:
            raise self._failed(f"it ended with code {error.returncode}") from error
        except subprocess.TimeoutExpired as error:
            raise self._failed(f"it took longer than {_LONGEST_S} s") from error
        except OSError as error:
            raise self._failed(str(error.strerror)) from error

    def _failed(self, how: str) -> AuditLabError:
        message = f"{self.command} did not print the page ({how})"
        return AuditLabError(message, f"Try another printer, or go without a PDF: {PRINTER_VARIABLE}={_NONE}")


def pdf_printer() -> PdfPrinter | None:
    """Return what prints here: what AUDIT_LAB_PDF names, else Chromium, else WeasyPrint; None where there is neither.

    Raises
    ------
    MisuseError
        AUDIT_LAB_PDF names something else, or a program that is not there.
    """
    wanted = os.environ.get(PRINTER_VARIABLE)
    if wanted == _NONE:
        return None
    if wanted is not None and wanted not in _COMMANDS:
        raise MisuseError(f"{PRINTER_VARIABLE} is {wanted!a}", f"Set it to {', '.join(_COMMANDS)} or {_NONE}")
    for kind in _COMMANDS if wanted is None else (wanted,):
        for name in _COMMANDS[kind]:
            found = shutil.which(name)
            if found is not None:
                return PdfPrinter(kind, found)
    if wanted is not None:
        raise MisuseError(
            f"{PRINTER_VARIABLE} is {wanted}, which is not installed", "Install it, or unset the variable"
        )
    return None


def _mark(notebook_sha256: str) -> str:
    return PDF_MARK.format(notebook_sha256)


def _dated(printed: bytes, moment: datetime) -> bytes:
    """Return a PDF of Chromium, in which nothing but two dates of fixed length differs from run to run."""
    stated = f"{moment:%Y%m%d%H%M%S}".encode()
    return _CHROMIUM_DATE.sub(rb"/\1 (D:" + stated + rb"+00'00')", printed)
