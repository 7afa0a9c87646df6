"""The cache of explanations: the same question is answered once, and no file is believed that was not kept so."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import attributions
import polars as pl
import pytest

from audit_lab.errors import ModelError
from audit_lab.explain import Contribution, explain, question
from audit_lab.explain.explanation_cache import ExplanationCache
from audit_lab.sandbox import Worker

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Model

QUESTION, OTHER = "0a" * 32, "0b" * 32
EXAMPLE = replace(
    attributions.EXAMPLE,
    contributions=(Contribution("carrier", "US", 0.25),),
    base_value=0.5,
    prediction_value=0.75,
)


@pytest.fixture
def cache(tmp_path: Path) -> ExplanationCache:
    """A cache that holds the example."""
    cache = ExplanationCache(tmp_path / "explanations")
    cache.keep(QUESTION, EXAMPLE)
    return cache


def kept(cache: ExplanationCache) -> list[Path]:
    return sorted(cache.folder.glob("*/*"))


def test_it_lies_beside_the_environments_in_the_users_cache(cache_home: Path) -> None:
    assert ExplanationCache().folder == cache_home / "audit_lab" / "explanations"


def test_what_was_kept_is_found_by_its_question_alone(cache: ExplanationCache) -> None:
    assert cache.find("p-1", QUESTION) == EXAMPLE
    assert cache.find("p-1", OTHER) is None
    assert cache.find("p-2", QUESTION) is None


def test_files_and_folders_are_their_owners_alone(cache: ExplanationCache) -> None:
    (file,) = kept(cache)
    assert [path.stat().st_mode & 0o777 for path in (file, file.parent, cache.folder)] == [0o600, 0o700, 0o700]
    assert b"p-1" not in str(file).encode()


def flip(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"contribution":0.25', b'"contribution":0.35'))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def open_to_all(file: Path) -> None:
    file.chmod(0o644)


def link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to(file.with_name("elsewhere"))


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def age(file: Path) -> None:
    os.utime(file, (time.time() - 31 * 86_400,) * 2)


def swap(file: Path) -> None:
    ExplanationCache(file.parents[1]).keep(OTHER, replace(EXAMPLE, base_value=0.1))
    file.with_name(f"{OTHER}.json").replace(file)


@pytest.mark.parametrize("spoil", [flip, cut, open_to_all, link, pipe, folder, age, swap])
def test_a_file_that_was_not_kept_so_is_not_believed(cache: ExplanationCache, spoil: Any) -> None:
    (file,) = kept(cache)
    spoil(file)
    assert cache.find("p-1", QUESTION) is None


@pytest.mark.parametrize("spoil", [flip, cut, open_to_all, link, pipe, age, swap])
def test_a_file_that_is_not_believed_is_written_anew(cache: ExplanationCache, spoil: Any) -> None:
    (file,) = kept(cache)
    spoil(file)
    cache.keep(QUESTION, EXAMPLE)
    assert cache.find("p-1", QUESTION) == EXAMPLE


def test_a_decision_is_forgotten_and_no_other(cache: ExplanationCache) -> None:
    cache.keep(OTHER, replace(EXAMPLE, prediction_id="p-2"))
    cache.forget("p-1")
    cache.forget("p-1")
    assert cache.find("p-1", QUESTION) is None
    assert cache.find("p-2", OTHER) is not None


def test_all_is_cleared(cache: ExplanationCache) -> None:
    cache.clear()
    assert not cache.folder.exists()


def test_old_explanations_go_as_new_ones_come(cache: ExplanationCache) -> None:
    age(kept(cache)[0])
    cache.keep(QUESTION, replace(EXAMPLE, prediction_id="p-2"))
    assert [file.parent for file in cache.folder.glob("*/*")] == [cache.folder_of("p-2")]
    assert list(cache.folder.iterdir()) == [cache.folder_of("p-2")]


def test_what_was_not_used_for_longest_goes_where_there_is_too_much(tmp_path: Path) -> None:
    size = len(_bytes(tmp_path))
    cache = ExplanationCache(tmp_path / "bounded", largest_bytes=3 * size)
    for number in range(3):
        cache.keep(OTHER.replace("0b", "1b"), replace(EXAMPLE, prediction_id=f"p-{number}"))
        (file,) = cache.folder_of(f"p-{number}").iterdir()
        os.utime(file, (time.time() - 100 + number,) * 2)
    assert cache.find("p-0", OTHER.replace("0b", "1b")) is not None

    cache.keep(QUESTION, replace(EXAMPLE, prediction_id="p-3"))

    held = [number for number in range(4) if cache.folder_of(f"p-{number}").exists()]
    assert held == [0, 2, 3]
    assert sum(file.stat().st_size for file in kept(cache)) <= cache.largest_bytes


def _bytes(folder: Path) -> bytes:
    """Return what the example is kept as."""
    other = ExplanationCache(folder / "measured")
    other.keep(QUESTION, EXAMPLE)
    return kept(other)[0].read_bytes()


def test_being_used_makes_nothing_younger(cache: ExplanationCache) -> None:
    (file,) = kept(cache)
    os.utime(file, (time.time() - 29 * 86_400,) * 2)
    before = file.stat().st_mtime_ns
    assert cache.find("p-1", QUESTION) == EXAMPLE
    assert file.stat().st_mtime_ns == before
    assert file.stat().st_atime_ns > before


def test_what_a_killed_writer_left_aside_is_never_read_and_goes_after_a_day(cache: ExplanationCache) -> None:
    (file,) = kept(cache)
    left, fresh = file.with_name(".aside-old"), file.with_name(".aside-new")
    for path in (left, fresh):
        path.write_bytes(b"half")
    os.utime(left, (time.time() - 2 * 86_400,) * 2)
    cache.keep(QUESTION, EXAMPLE)
    assert sorted(path.name for path in file.parent.iterdir()) == [".aside-new", file.name]


HAMMER = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, "tests/explain")
import attributions
from audit_lab.explain.explanation_cache import ExplanationCache
cache, mine = ExplanationCache(Path(sys.argv[1]), largest_bytes=20_000), int(sys.argv[2])
wrong = 0
for turn in range(150):
    example = replace(attributions.EXAMPLE, prediction_id=f"p-{turn % 7}", seed=turn % 7)
    cache.keep("0a" * 32, example)
    found = cache.find(f"p-{turn % 7}", "0a" * 32)
    wrong += found is not None and found.seed != turn % 7
    if turn % 50 == mine:
        cache.clear()
print(wrong)
"""


def test_two_processes_never_read_what_the_other_has_half_written(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", HAMMER, str(tmp_path / "shared"), mine], stdout=subprocess.PIPE, text=True
        )
        for mine in ("3", "20")
    ]
    assert [process.communicate()[0].strip() for process in processes] == ["0", "0"]
    assert [process.returncode for process in processes] == [0, 0]


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = ExplanationCache(tmp_path / "file" / "explanations")
    cache.keep(QUESTION, EXAMPLE)
    assert cache.find("p-1", QUESTION) is None


def test_an_explanation_asked_again_is_not_computed_again(booster: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    first = explain("shap", **booster.request())
    monkeypatch.setattr(Worker, "run", None)

    again = explain("shap", **booster.request())

    assert again == first
    assert again.to_json() == first.to_json()
    assert [type(each.value) for each in again.contributions] == [type(each.value) for each in first.contributions]


def test_without_the_cache_it_is_computed_and_not_kept(booster: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    first = explain("shap", **booster.request(), cache=False)
    assert not ExplanationCache().folder.exists()
    assert explain("shap", **booster.request()).to_json() == first.to_json()
    monkeypatch.setattr(Worker, "run", None)
    with pytest.raises(TypeError):
        explain("shap", **booster.request(), cache=False)


def test_a_cache_of_ones_own_is_used_in_place_of_the_usual_one(
    booster: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ExplanationCache(tmp_path / "own")
    first = explain("shap", **booster.request(), cache=own)
    assert len(kept(own)) == 1
    assert not ExplanationCache().folder.exists()
    monkeypatch.setattr(Worker, "run", None)
    assert explain("shap", **booster.request(), cache=own) == first


def asked(booster: Model, **changes: Any) -> str:
    request = booster.request(**changes)
    inputs, names = request.pop("inputs"), booster.signature.names
    row = pl.DataFrame({name: [inputs[name]] for name in names}, schema=booster.row.schema)
    return question.question_digest(**{"row": row, "trusted_types": (), "parameters": {"seed": "0"}, **request})


def test_the_same_question_has_the_same_digest(booster: Model) -> None:
    assert asked(booster) == asked(booster)


def test_whatever_the_answer_depends_on_makes_another_question(
    booster: Model, pipeline: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, rows = booster.row.row(0, named=True), booster.request()["background"]
    questions = [
        asked(booster),
        asked(booster, prediction_id="p-2"),
        asked(booster, inputs={**inputs, "distance": 412.50000000000006}),
        asked(booster, inputs={**inputs, "distance": None}),
        asked(booster, artifact=pipeline.request()["artifact"]),
        asked(booster, background=replace(rows, frame=rows.frame.reverse())),
        asked(booster, background=replace(rows, ids=rows.ids[::-1])),
        asked(booster, background=replace(rows, later=1)),
        asked(booster, trusted_types=("a.b",)),
        asked(booster, parameters={"seed": "1"}),
        asked(booster, signature=replace(booster.signature, features=booster.signature.features[::-1])),
    ]
    monkeypatch.setattr(question, "_machine", lambda _: (("numpy", "0.0"),))
    questions.append(asked(booster))
    monkeypatch.setattr(question, "_code", lambda: "another")
    questions.append(asked(booster))
    assert len(set(questions)) == 13


def test_an_erased_decision_is_refused_and_forgotten(monkeypatch: pytest.MonkeyPatch, cache: ExplanationCache) -> None:
    from types import SimpleNamespace

    from audit_lab.explain import of_decision

    row = {"model_name": "m", "model_version": "1", "occurred_at": None}
    decision = SimpleNamespace(
        prediction=row, judged=row, inputs=None, prediction_id="p-1", gaps=[SimpleNamespace(code="erased")], findings=()
    )
    monkeypatch.setattr(of_decision, "load_judged", lambda *_, **__: None)
    monkeypatch.setattr(of_decision, "ExplanationCache", lambda: cache)

    with pytest.raises(ModelError) as raised:
        of_decision.explain_decision(None, decision, "shap")  # type: ignore[arg-type]

    assert raised.value.code == "erased"
    assert kept(cache) == []
