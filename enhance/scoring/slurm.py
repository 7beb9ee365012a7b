"""Shards as an array job of Slurm, through submitit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from enhance.utils.errors import SettingsError


def submit(function: Callable[[Any], int], jobs: Sequence[Any], folder: Path, parameters: Mapping[str, Any]) -> str:
    """Submit an array job, a call of the function each; returns what was submitted, in words.

    Jobs of the clusters `local` and `debug`, which are processes of this machine and this process, are waited for.

    Args:
        function: importable where the jobs run.
        jobs: the function's argument in each.
        folder: of submitit's scripts and logs.
        parameters: of submitit's executor; `cluster` among them: slurm, local or debug.

    Raises:
        SettingsError: if submitit is not installed, refuses the parameters, or finds no Slurm.
        ValueError: if a job that is waited for failed.
    """
    try:
        import submitit
    except ImportError as error:
        raise SettingsError("engine=slurm needs pip install 'enhance[slurm]'.") from error
    cluster = str(parameters.get("cluster", "slurm"))
    given = {key: value for key, value in parameters.items() if key != "cluster"}
    try:
        executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
        executor.update_parameters(**{"name": "enhance-score", **given})
        submitted = executor.map_array(function, jobs)
    except Exception as error:  # submitit has no class of its own for what it refuses
        reason = " ".join(str(error).split())[:200]
        raise SettingsError(f"engine=slurm: submitit cannot submit the jobs ({reason}).") from error
    if cluster == "slurm":
        return f"array job {submitted[0].job_id.partition('_')[0]}: {len(submitted)} shards, logs in {folder}"
    try:
        codes = [job.result() for job in submitted]
    except Exception as error:  # of any kind, as the job raised it
        reason = " ".join(str(error).split())[-200:]
        raise ValueError(f"engine=slurm: a job failed ({reason}); its log is in {folder}.") from error
    return f"{len(codes)} shards done" + (f", {codes.count(1)} with pairs skipped" if any(codes) else "")
