"""Tables as people save them, and hashes and numbers as they were written before."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from enhance.utils.hashes import hash_file, hash_tensor, hash_tensors
from enhance.utils.tables import csv_text, read_csv


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_delimiters_line_endings_and_byte_order_marks(tmp_path: Path, delimiter: str, ending: str, mark: str) -> None:
    lines = [["image", "mos", "remark"], ["a.png", "4.2", '"good"'], ["b.png", "1", '"x, y; z"']]
    text = mark + ending.join(delimiter.join(line) for line in lines)
    (tmp_path / "x.csv").write_bytes(text.encode())
    columns, rows = read_csv(tmp_path / "x.csv")
    assert columns == lines[0]
    assert [list(row.values()) for row in rows] == [["a.png", "4.2", "good"], ["b.png", "1", "x, y; z"]]


def test_one_column_and_what_is_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(csv_text(["image"], [["a;b.png"], ["c"]]))
    assert read_csv(tmp_path / "x.csv") == (["image"], [{"image": "a;b.png"}, {"image": "c"}])
    (tmp_path / "empty.csv").touch()
    assert read_csv(tmp_path / "empty.csv") == ([], [])


def test_hashes_are_those_of_the_bytes(tmp_path: Path) -> None:
    values = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    (tmp_path / "x").write_bytes(values.numpy().tobytes())
    assert hash_file(tmp_path / "x") == hash_tensor(values) == hash_tensor(values.t().contiguous().t())
    assert hash_tensors({"b": values, "a": torch.tensor(1)}) == hash_tensors({"a": torch.tensor(1), "b": values})
    whole = hashlib.sha256(b"a" + torch.tensor(1).numpy().tobytes() + b"b" + values.numpy().tobytes()).hexdigest()
    assert hash_tensors({"a": torch.tensor(1), "b": values}) == whole
    assert hash_tensor(values.bfloat16()) != hash_tensor(values)
