"""Batches: what shares one, what is computed once, what waits; scores do not depend on any of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import enhance
from enhance.images.writing import save_image
from enhance.scoring import Pair, batches, scorers
from enhance.scoring.batches import Scoring
from enhance.scoring.reading import Item, in_order, read_ahead, shared_references

Save = Callable[[str, int, int], str]


@pytest.fixture
def save(tmp_path: Path, generator: torch.Generator) -> Save:
    def saved(name: str, height: int, width: int) -> str:
        file = tmp_path / f"{name}.png"
        save_image(torch.rand(1, 3, height, width, generator=generator), file)
        return str(file)

    return saved


@pytest.fixture(scope="module")
def columns() -> Any:
    def build(name: str) -> Any:
        return enhance.load_metric("psnr") if name == "psnr" else enhance.DeepJSD("squeezenet", "untrained")

    return scorers(["deepjsd", "psnr"], build, ["squeezenet"])


def items(pairs: list[Pair]) -> list[Item]:
    return in_order(pairs, shared_references(pairs))


def scored(pairs: list[Pair], scoring: Scoring) -> dict[str, dict[str, str]]:
    results = [result for batch in scoring(read_ahead(items(pairs), workers=0)) for result in batch]
    assert len(results) == len(pairs)
    return {result.pair.image: result.scores for result in results}


@pytest.mark.parametrize("shared", [True, False])
def test_scores_are_the_same_in_every_bit_whatever_the_batch(shared: bool, columns: Any, save: Save) -> None:
    pairs = [Pair(save("r" if shared else f"r{n}", 33, 40), save(str(n), 33, 40)) for n in range(5)]
    alone = scored(pairs, Scoring(columns, batch=1))
    assert scored(pairs, Scoring(columns, batch=2)) == alone
    assert scored(pairs, Scoring(columns, batch=8)) == alone


def sizes_of_batches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    seen: list[tuple[int, ...]] = []
    score = batches.score
    monkeypatch.setattr(
        batches,
        "score",
        lambda columns, images, *rest: seen.append(tuple(images.shape)) or score(columns, images, *rest),
    )
    return seen


def test_images_of_one_size_share_a_batch_though_others_lie_between(
    columns: Any, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = sizes_of_batches(monkeypatch)
    pairs = [Pair(save(f"r{n}", 16 + 8 * (n % 2), 32), save(str(n), 16 + 8 * (n % 2), 32)) for n in range(6)]
    scored(pairs, Scoring(columns, batch=3))
    assert sorted(shape[0::2] for shape in seen) == [(3, 16), (3, 24)]


def test_a_reference_is_read_and_prepared_once_for_all_its_images(
    columns: Any, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[int] = []
    prepare = batches.prepare
    monkeypatch.setattr(batches, "prepare", lambda *given: prepared.append(1) or prepare(*given))
    references = [save("r", 16, 32), save("s", 16, 32)]
    pairs = [Pair(references[n % 2], save(str(n), 16, 32)) for n in range(6)]
    assert sum(item.opens for item in items(pairs)) == 2
    scored(pairs, Scoring(columns, batch=2))
    assert len(prepared) == 2


@pytest.mark.parametrize(("limit", "sizes"), [("_PIXELS", [1, 1, 1, 1, 2]), ("_WAITING", [1, 1, 1, 1, 2])])
def test_large_images_share_no_batch_and_few_wait(
    limit: str, sizes: list[int], columns: Any, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = sizes_of_batches(monkeypatch)
    monkeypatch.setattr(batches, limit, 1100)
    shapes = [(16, 32), (16, 32), (40, 32), (48, 32), (56, 32), (40, 32)]
    pairs = [Pair(save(f"r{n}", *shape), save(str(n), *shape)) for n, shape in enumerate(shapes)]
    scored(pairs, Scoring(columns, batch=8))
    assert sorted(shape[0] for shape in seen) == sizes


def test_a_bad_pair_of_a_batch_costs_the_others_nothing(columns: Any, save: Save) -> None:
    pairs = [Pair(save(f"r{n}", 16, 32), save(str(n), 16, 32)) for n in range(3)]
    Path(pairs[1].image).write_text("no image")
    found = scored([*pairs, Pair(save("gone", 9, 9) + "x", pairs[0].image + "x")], Scoring(columns))
    assert [bool(scores) for scores in found.values()] == [True, True, False, False] or sorted(
        map(bool, found.values())
    ) == [False, False, True, True]


@pytest.mark.parametrize(("shared", "reason"), [(True, "There is no file"), (False, "There is no file")])
def test_a_reference_that_is_missing_is_said_of_each_of_its_images(
    shared: bool, reason: str, columns: Any, save: Save, tmp_path: Path
) -> None:
    pairs = [Pair(str(tmp_path / ("gone.png" if shared else f"gone{n}.png")), save(str(n), 16, 32)) for n in range(3)]
    results = [result for batch in Scoring(columns)(read_ahead(items(pairs), workers=0)) for result in batch]
    assert [result.reason[: len(reason)] for result in results] == [reason] * 3


def test_freed_memory_is_given_back_as_sizes_change(columns: Any, save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    monkeypatch.setattr(batches, "give_back", lambda: given.append(1))
    monkeypatch.setattr(batches, "_SIZES", 3)
    pairs = [Pair(save(f"r{n}", 16, 30 + n // 2), save(str(n), 16, 30 + n // 2)) for n in range(14)]  # seven sizes
    scored(pairs, Scoring(columns, batch=1))
    assert len(given) == 2


@pytest.mark.parametrize(("given", "kept"), [(None, "64"), ("7", "7")])
def test_few_kernels_are_kept_of_many_sizes_unless_the_environment_says_otherwise(
    given: str | None, kept: str, columns: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", given or "")
    if given is None:
        monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY")
    Scoring(columns)
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == kept
