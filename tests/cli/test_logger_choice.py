"""`logger=`: one, several or none."""

import pytest

from enhance.cli.overrides import checked
from enhance.utils.errors import SettingsError


@pytest.mark.parametrize("given", ["logger=tensorboard", "logger=[tensorboard,wandb]", "logger=[]"])
def test_one_several_or_none(given: str) -> None:
    checked([given])


@pytest.mark.parametrize("given", ["logger=tensorbord", "logger=[wandb,tensorbord]"])
def test_a_typo_names_the_nearest(given: str) -> None:
    with pytest.raises(SettingsError, match="'tensorbord'; did you mean 'tensorboard'"):
        checked([given])


def test_its_settings_are_those_of_its_yaml() -> None:
    checked(["logger=wandb", "logger.wandb.mode=online"])
    with pytest.raises(SettingsError, match=r"logger\.wandb\.mood"):
        checked(["logger=wandb", "logger.wandb.mood=online"])
