"""Landlock: the kernel lets this process reach only the folders that it names, whatever its user may do.

The rules stack on the mount namespace, and stand alone where there is none. Numbers and structures are those of
``linux/landlock.h``; what an older kernel does not know is left out, and its version is part of the record.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from typing import TYPE_CHECKING

from audit_lab.sandbox.walls.kernel import prctl, system_call

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["restrict"]

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_GET_VERSION = 1
_RULE_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_EVERY_DEVICE = 1 << 6 | 1 << 11  # making character and block devices
_EXECUTE = 1 << 0
_TRUNCATE = 1 << 14
_READ = _READ_FILE | _READ_DIR
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
#: Rights over files that the kernel knows from each version on: 13 at first, then refer, truncate, ioctl.
_KNOWN = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_NETWORK_SINCE, _NETWORK = 4, 3  # binding and connecting TCP sockets
_SCOPES_SINCE, _SCOPES = 6, 3  # abstract sockets and signals


def restrict(readable: Iterable[str], writable: Iterable[str]) -> int:
    """Give up everything but reading `readable` and using `writable`; return the kernel's Landlock version.

    A path that does not exist is passed over. The rules hold for this thread and all that come from it.

    Raises
    ------
    OSError
        The kernel has no Landlock, or it is switched off.
    """
    version = system_call(_CREATE_RULESET, None, 0, _GET_VERSION)
    known = _KNOWN[max(number for number in _KNOWN if number <= version)]
    attributes = struct.pack("Q", known)
    if version >= _NETWORK_SINCE:
        attributes += struct.pack("Q", _NETWORK)
    if version >= _SCOPES_SINCE:
        attributes += struct.pack("Q", _SCOPES)
    rules = system_call(_CREATE_RULESET, ctypes.c_char_p(attributes), len(attributes), 0)
    try:
        for path in readable:
            _allow(rules, path, _READ & known)
        for path in _DEVICES:
            _allow(rules, path, (_READ_FILE | _WRITE_FILE) & known)
        for path in writable:
            _allow(rules, path, known & ~(_EXECUTE | _EVERY_DEVICE))
        prctl(_NO_NEW_PRIVILEGES, 1)
        system_call(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)
    return version


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _READ_FILE | _WRITE_FILE | _TRUNCATE
        rule = struct.pack("=Qi", rights, place)
        system_call(_ADD_RULE, rules, _RULE_PATH_BENEATH, ctypes.c_char_p(rule), 0)
    finally:
        os.close(place)
