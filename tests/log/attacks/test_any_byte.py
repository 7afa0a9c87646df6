"""No byte of a sealed log can be changed without a finding, and nothing that is put there brings the check down."""

from __future__ import annotations

import random

import pytest

from audit_lab.log.integrity import examine_log

PLACES = 6


@pytest.fixture(scope="module")
def changed(sealed_log_once, tmp_path_factory):
    """A copy of the log whose files are changed one at a time and put back."""
    return sealed_log_once.copy(tmp_path_factory.mktemp("changed"))


def essential(log):
    return sorted(
        path.relative_to(log.folder).as_posix()
        for path in log.folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    )


def test_no_changed_byte_goes_unnoticed(changed):
    assert examine_log(changed.folder, rows=False, remembered=False).findings == ()
    draw = random.Random(5)
    for name in essential(changed):
        path = changed.folder / name
        whole = path.read_bytes()
        for place in {0, len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(PLACES))}:
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :])
            report = examine_log(changed.folder, rows=False, remembered=False)
            assert report.findings, (name, place)
            assert not report.holds
        path.write_bytes(whole)
    assert examine_log(changed.folder, rows=False, remembered=False).findings == ()


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"[" * 4096, b"\xff\xfe", b"\n\n\n\n", b"PAR1" * 64])
def test_no_content_of_any_file_brings_the_check_down(changed, content):
    for name in essential(changed):
        path = changed.folder / name
        whole = path.read_bytes()
        path.write_bytes(content)
        assert examine_log(changed.folder, rows=False, remembered=False).findings, name
        path.write_bytes(whole)
