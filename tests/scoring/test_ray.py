"""`engine=ray` on a cluster of this machine: the bytes of one process, whoever is killed meanwhile."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import torch

from enhance.cli.overrides import tool_settings
from enhance.cli.quoting import quoted
from enhance.images.writing import save_image

ray = pytest.importorskip("ray", reason="pip install 'enhance[ray]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of Ray's own making

PAIRS = 400
SLOW = (
    "import time\n\n\ndef slow(image, reference):\n    time.sleep(0.02)\n    return (image - reference).abs().mean()\n"
)
SCORE = ("pairs=pairs.csv", "metric=module", "metric.target=slow_metric.slow", "threads=1")


def use(*arguments: str) -> int:
    return import_module("enhance.cli.commands.score").run(tool_settings("score", quoted(arguments)))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "ray://nowhere", "auto"])
def test_a_cluster_that_is_not_there_is_said(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generator: torch.Generator
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))  # where `auto` looks for a cluster of this machine
    monkeypatch.chdir(tmp_path)
    save_image(torch.rand(1, 3, 8, 9, generator=generator), tmp_path / "a.png")
    with pytest.raises(ValueError, match=f"address={address}: there is no cluster of Ray that can be joined") as raised:
        use("reference=a.png", "image=a.png", "metric=psnr", "output=ray.csv", "engine=ray", f"address={address}")
    assert "RAY_AUTH_MODE=token" in str(raised.value)  # Ray says so in its log alone
    assert not (tmp_path / "ray.csv").exists()


def test_a_cluster_that_is_gone_is_said_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generator: torch.Generator
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")  # as a killed cluster leaves it
    monkeypatch.chdir(tmp_path)
    save_image(torch.rand(1, 3, 8, 9, generator=generator), tmp_path / "a.png")
    begin = time.monotonic()
    with pytest.raises(ValueError, match="address=auto: there is no cluster of Ray that can be joined"):
        use("reference=a.png", "image=a.png", "metric=psnr", "output=ray.csv", "engine=ray", "address=auto")
    assert time.monotonic() - begin < 60  # Ray itself waits for minutes


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a running cluster, which `auto` finds from then on."""
    cluster = import_module("ray.cluster_utils").Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    before = os.environ.get("RAY_ADDRESS")
    os.environ["RAY_ADDRESS"] = cluster.address
    yield cluster.address
    os.environ.pop("RAY_ADDRESS")
    if before:
        os.environ["RAY_ADDRESS"] = before
    cluster.shutdown()


@pytest.fixture
def listed(tmp_path: Path, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of pairs of three sizes, one of which cannot be read, and what one process makes of it: one.csv."""
    lines = ["reference,image,mos"]
    for number in range(12):
        for kind in ("r", "i"):
            save_image(torch.rand(1, 3, 8 + number % 3, 9, generator=generator), tmp_path / f"{kind}{number}.png")
    for number in range(PAIRS):
        os.link(tmp_path / f"i{number % 12}.png", tmp_path / f"i-{number}.png")
        lines.append(f"r{number % 12}.png,i-{number}.png,{number}")
    (tmp_path / "i-99.png").unlink()
    (tmp_path / "i-99.png").write_text("no image")
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "slow_metric.py").write_text(SLOW)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(time, "sleep", lambda seconds, sleep=time.sleep: sleep(seconds if seconds != 0.02 else 0))
    assert use(*SCORE, "output=one.csv") == 1
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def actors() -> list[int]:
    """The processes that score."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"MapBatches(Actor)" in words:
            found.append(int(process.name))
    return found


def rows(table: Path) -> list[str]:
    if not table.exists():
        return []
    with open(table, newline="", encoding="utf-8") as opened:
        return [row["image"] for row in csv.DictReader(opened)]


def test_actors_that_are_killed_are_started_anew_and_nothing_is_lost_or_twice(
    cluster: str, listed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, killed, ended = listed / "ray.csv", [], threading.Event()

    def kill() -> None:
        seen = 0
        while len(killed) < 3 and not ended.is_set():
            time.sleep(0.05)
            if len(rows(table)) > seen and (there := [each for each in actors() if each not in killed]):
                os.kill(there[0], signal.SIGKILL)
                killed.append(there[0])
                seen = len(rows(table))

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        assert use(*SCORE, "output=ray.csv", "engine=ray", "address=auto", "cores=1") == 1
    finally:
        ended.set()
        thread.join()
    captured = capsys.readouterr()
    print(f"killed {len(killed)} actors")
    assert len(killed) >= 2
    assert len(set(rows(table))) == len(rows(table)) == PAIRS - 1
    assert table.read_bytes() == (listed / "one.csv").read_bytes()
    assert (listed / "ray.json").read_bytes() == (listed / "one.json").read_bytes()
    assert captured.err.count("skipped i-99.png") == 1
    assert "ray: up to 2 workers, 1 core each, on 1 node\n" in captured.err
    assert captured.err.count("ray: a worker died (") >= 1  # one that is killed between two chunks costs nothing
    assert "(raylet)" not in captured.out + captured.err


@pytest.fixture
def deadly(tmp_path: Path, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of twelve pairs and a metric that kills its process where an image is 19 pixels wide, as the fifth is."""
    lines = ["reference,image"]
    for number in range(12):
        for kind in "ri":
            save_image(
                torch.rand(1, 3, 8, 19 if number == 4 else 9, generator=generator), f"{tmp_path}/{kind}{number}.png"
            )
        lines.append(f"r{number}.png,i{number}.png")
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "deadly_metric.py").write_text(DEADLY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("enhance.scoring.on_ray._CHUNK", 4)
    return tmp_path


DEADLY = """
import os, signal

def deadly(image, reference):
    if image.shape[-1] == 19:
        os.kill(os.getpid(), signal.SIGKILL)
    return (image - reference).abs().mean()

def always(image, reference):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_pair_that_always_kills_its_worker_is_reported_and_the_others_are_scored(
    cluster: str, deadly: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("pairs=pairs.csv", "metric=module", "metric.target=deadly_metric.deadly", "threads=1")
    assert use(*words, "output=ray.csv", "engine=ray", "address=auto", "cores=1") == 1
    captured = capsys.readouterr()
    assert rows(deadly / "ray.csv") == [f"i{number}.png" for number in range(12) if number != 4]
    assert captured.err.count("skipped i4.png: It killed its worker 3 times") == 1
    assert captured.err.count("skipped") == 1
    assert captured.err.count("ray: a worker died (") >= 6  # three times with its chunk, three times alone


def test_workers_that_all_die_end_in_a_sentence(cluster: str, deadly: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enhance.scoring.on_ray._MOST_LOST", 1)
    monkeypatch.setattr("enhance.scoring.on_ray._TRIES", 1)
    words = ("pairs=pairs.csv", "metric=module", "metric.target=deadly_metric.always", "threads=1", "output=ray.csv")
    with pytest.raises(ValueError, match="the workers die one after the other and no score comes back"):
        use(*words, "engine=ray", "address=auto", "cores=2")
    assert rows(deadly / "ray.csv") == []


def test_a_driver_that_is_killed_goes_on_from_its_table(cluster: str, listed: Path) -> None:
    words = (*SCORE, "output=ray.csv", "engine=ray", "address=auto", "cores=1")
    environment = {**os.environ, "PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{listed}"}
    process = subprocess.Popen([sys.executable, "-m", "enhance", "task=score", *words], env=environment)
    deadline = time.monotonic() + 180
    while process.poll() is None and len(rows(listed / "ray.csv")) < 60 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    before = len(rows(listed / "ray.csv"))
    assert 60 <= before < PAIRS - 1
    kept = (listed / "ray.csv").read_text().splitlines()[:before]
    assert use(*words) == 1
    assert (listed / "ray.csv").read_bytes() == (listed / "one.csv").read_bytes()
    assert set(kept) <= set((listed / "ray.csv").read_text().splitlines())


def test_a_list_in_parquet_and_by_url_is_scored(cluster: str, listed: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow.csv"), pytest.importorskip("pyarrow.parquet")
    lines = (listed / "pairs.csv").read_text().splitlines()[:9]
    (listed / "few.csv").write_text("\n".join(lines).replace("r0.png,i-0", f"file://{listed}/r0.png,i-0") + "\n")
    parquet.write_table(arrow.read_csv(listed / "few.csv"), listed / "few.parquet")
    for pairs, output in (("few.csv", "c"), ("few.parquet", "p"), (f"file://{listed}/few.parquet", "u")):
        assert use(*SCORE[1:], f"pairs={pairs}", f"output={output}.csv", "engine=ray", "address=auto", "cores=1") == 0
    assert (listed / "p.csv").read_bytes() == (listed / "c.csv").read_bytes()
    assert [Path(image).name for image in rows(listed / "u.csv")] == rows(listed / "c.csv")


def test_a_data_set_is_scored_and_evaluated(
    cluster: str, tmp_path: Path, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("reference_images", "distorted_images"):
        (tmp_path / "tid" / folder).mkdir(parents=True)
    lines = []
    for number in (1, 2):
        save_image(torch.rand(1, 3, 16, 17, generator=generator), tmp_path / f"tid/reference_images/I0{number}.png")
        (tmp_path / f"tid/reference_images/I0{number}.png").rename(tmp_path / f"tid/reference_images/I0{number}.BMP")
        for level in range(1, 6):
            name = f"I0{number}_01_{level}"
            save_image(torch.rand(1, 3, 16, 17, generator=generator), tmp_path / f"tid/distorted_images/{name}.png")
            (tmp_path / f"tid/distorted_images/{name}.png").rename(tmp_path / f"tid/distorted_images/{name}.bmp")
            lines.append(f"{6 - level}.{number} {name}.bmp")
    (tmp_path / "tid/mos_with_names.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    evaluate = import_module("enhance.cli.commands.evaluate").run
    given = ("dataset=tid2013", "root=tid", "metrics=[psnr,ssim]", "threads=1", "resamples=100")
    assert evaluate(tool_settings("evaluate", [*given, "output=one"])) == 0
    on_ray = ("output=ray", "engine=ray", "address=auto", "cores=1")
    assert evaluate(tool_settings("evaluate", [*given, *on_ray])) == 0
    for file in sorted(path.name for path in (tmp_path / "one").iterdir() if path.suffix == ".csv"):
        assert (tmp_path / "ray" / file).read_bytes() == (tmp_path / "one" / file).read_bytes(), file
    assert len(rows(tmp_path / "ray" / "scores.csv")) == 10
