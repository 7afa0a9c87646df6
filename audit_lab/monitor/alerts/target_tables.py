"""Whom a rule file tells: webhooks, encrypted unless a host is named, and programs that no shell starts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from audit_lab.monitor.alerts.rule_values import check_keys, check_name, named_text, refuse, shown
from audit_lab.monitor.alerts.rules import MailCommand, Target, Webhook

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["target_of"]

_SECONDS = (0.1, 300.0)
_MOST_ATTEMPTS = 10
_PLAIN, _SECURE = "http", "https"
_HEADER = re.compile(r"[A-Za-z0-9-]{1,80}")
_OWN_HEADERS = {"host", "content-length", "content-type", "transfer-encoding", "connection"}
_VARIABLE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]{0,99})")
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,200}")
_TARGET = {
    "webhook": ("name", "kind", "url", "http_host", "headers", "timeout_s", "attempts"),
    "mail": ("name", "kind", "command", "to", "timeout_s", "attempts"),
}


def target_of(given: Mapping[str, Any], where: str) -> Target:
    """Read whom to tell.

    Raises
    ------
    MisuseError
        A key is unknown, missing, or holds what cannot be meant.
    """
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in _TARGET:
        refuse(where, f"its kind is {shown(kind)}", f"Use one of {', '.join(_TARGET)}.")
    check_keys(given, _TARGET[kind], where)
    name = check_name(given.get("name"))
    if name is None:
        refuse(where, "it has no name of 1 to 80 printable characters", 'Write name = "...".')
    where = f"{where} ({shown(name)})"
    usual = 10.0 if kind == "webhook" else 30.0
    timeout, attempts = given.get("timeout_s", usual), given.get("attempts", 3)
    low, high = _SECONDS
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not low <= timeout <= high:
        refuse(where, f"timeout_s is {shown(timeout)}", f"Give seconds from {low:g} to {high:g}.")
    if isinstance(attempts, bool) or not isinstance(attempts, int) or not 1 <= attempts <= _MOST_ATTEMPTS:
        refuse(where, f"attempts is {shown(attempts)}", f"Give a whole number from 1 to {_MOST_ATTEMPTS}.")
    if kind == "webhook":
        url, headers = _url(given, where), _headers(given.get("headers", {}), where)
        return Webhook(name, url, headers, float(timeout), attempts)
    return MailCommand(name, _command(given, where), _addresses(given.get("to", []), where), float(timeout), attempts)


def _url(given: Mapping[str, Any], where: str) -> str:
    url, plain = given.get("url"), given.get("http_host")
    text = named_text(url)
    if text is None or not text.isascii() or " " in text:
        refuse(where, f"url is {shown(url)}", 'Write it like url = "https://alerts.example.org/audit".')
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in {_SECURE, _PLAIN} or not host or port == 0 or "@" in parts.netloc or parts.fragment:
        refuse(where, f"url is {shown(url)}", "It needs https, a host, and neither a user nor a fragment.")
    if parts.scheme == _PLAIN and plain != host:
        refuse(
            where, f"url is not encrypted: {shown(url)}", f'Use https, or say that it is meant: http_host = "{host}".'
        )
    if parts.scheme == _SECURE and plain is not None:
        refuse(where, "http_host is given, and url is https", "Take http_host out.")
    return text


def _headers(given: Any, where: str) -> dict[str, str]:
    if not isinstance(given, dict):
        refuse(where, f"headers is {shown(given)}", 'Write headers = { Authorization = "env:NAME" }.')
    found = {}
    for name, value in given.items():
        variable = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
        if _HEADER.fullmatch(name) is None or name.lower() in _OWN_HEADERS:
            refuse(where, f"a header is named {shown(name)}", "Use letters, digits and -, and none that is set anyway.")
        if variable is None:  # the value itself is not repeated: it may be a secret
            refuse(
                where,
                f"the header {name} does not name an environment variable",
                'Write "env:NAME": what is secret stands in no rule file.',
            )
        found[name] = variable[1]
    return found


def _command(given: Mapping[str, Any], where: str) -> tuple[str, ...]:
    command = given.get("command")
    sound = (
        isinstance(command, list) and command and all(isinstance(each, str) and "\0" not in each for each in command)
    )
    if not sound or not isinstance(command, list) or not Path(command[0]).is_absolute():
        refuse(
            where,
            f"command is {shown(command)}",
            'Write a list that begins with the path of a program: ["/usr/sbin/sendmail", "-t"]; no shell reads it.',
        )
    return tuple(command)


def _addresses(given: Any, where: str) -> tuple[str, ...]:
    sound = isinstance(given, list) and all(isinstance(each, str) and _ADDRESS.fullmatch(each) for each in given)
    if not sound:
        refuse(where, f"to is {shown(given)}", 'Write a list of plain addresses: ["model-risk@example.org"].')
    return tuple(given)
