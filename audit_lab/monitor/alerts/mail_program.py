"""Hand alerts to a program on its standard input, as a mail or as plain text; no shell is in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit_lab.monitor.alerts.rules import MailCommand

__all__ = ["hand_over"]

#: What of this process's environment the program gets: no secret of this process is its business.
_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "SYSTEMROOT")


def hand_over(target: MailCommand, subject: str, lines: list[str]) -> str | None:
    """Run the program once; return None when it ended well, or else why not.

    Parameters
    ----------
    target
        The program and its arguments; with `to`, it gets a mail with headers, else `lines` alone.
    subject, lines
        Printable text, on one line each.
    """
    text = "\n".join(lines) + "\n"
    body = _mail(target, subject, text) if target.to else text.encode("utf-8", "backslashreplace")
    own_group = sys.platform != "win32"
    try:
        program = subprocess.Popen(  # noqa: S603 - the program is named by the rule file, with its arguments as a list
            list(target.command),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _PASSED if name in os.environ},
            start_new_session=own_group,
        )
    except OSError as error:
        return f"the program {target.command[0]} could not be started ({error.strerror})"
    with program:
        try:
            program.communicate(body, timeout=target.timeout_s)
        except subprocess.TimeoutExpired:
            _end(program, own_group=own_group)
            return f"the program {target.command[0]} did not end within {target.timeout_s:g} seconds"
    code = program.returncode
    return None if code == 0 else f"the program {target.command[0]} ended with code {code}"


def _mail(target: MailCommand, subject: str, text: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["To"] = ", ".join(target.to)
    message["Subject"] = subject
    message.set_content(text.encode("utf-8", "backslashreplace").decode("utf-8"))
    return message.as_bytes().replace(b"\r\n", b"\n")


def _end(program: subprocess.Popen[bytes], *, own_group: bool) -> None:
    """End a program that takes too long, and what it started in its own group."""
    with suppress(OSError):
        if own_group:
            os.killpg(program.pid, signal.SIGKILL)
        else:
            program.kill()
