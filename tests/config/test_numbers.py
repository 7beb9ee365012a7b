"""A number stands once, in the dataclass of its setting: YAML files choose, functions take their defaults there."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from helpers import settings
from omegaconf import OmegaConf

import enhance
from enhance.cli.commands import TOOLS
from enhance.config import schema
from enhance.config.paths import choices, home
from enhance.config.reference import described
from enhance.config.schema import Config
from enhance.experiment.steps import steps
from enhance.images.degradations import DEGRADATIONS

NAMING = ("name", "spacing")  # keys that name the choice itself
GROUPS = [(group, name) for group, names in choices().items() if group != "degradation" for name in names]
PACKAGE = Path(inspect.getfile(enhance)).parent
USERS = [home() / folder for folder in ("benchmarks", "examples", "research")]  # of the package, in a checkout
FILES = sorted(file for folder in (PACKAGE, *USERS) for file in folder.rglob("*.py"))
SOURCES = [file for file in FILES if not {"report", "config"} & {*file.parts}]
OTHERS = {"higher_is_better", "resume"}  # of a metric, or of one run: their False is no choice of the settings


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def chosen(group: str, name: str) -> tuple[list[str], dict[str, Any]]:
    """What a YAML overrides in the defaults list, as arguments, and the values that it sets, by full name."""
    folder = home() if group == "recipes" else home() / "conf"
    text = (folder / group / f"{name}.yaml").read_text(encoding="utf-8")
    values: Any = OmegaConf.to_container(OmegaConf.create(text or "{}"))
    overrides = [
        f"{key.removeprefix('override /')}={value}"
        for entry in values.pop("defaults", [])
        for key, value in entry.items()
    ]
    prefix = "" if "@package _global_" in text else f"{group}."
    return overrides, dict(flat(values, prefix))


@pytest.mark.parametrize(("group", "name"), GROUPS)
def test_a_yaml_repeats_no_default(group: str, name: str) -> None:
    overrides, values = chosen(group, name)
    without = settings(*overrides)
    defaults = dict(flat(OmegaConf.to_container(OmegaConf.structured(without))))  # type: ignore[arg-type]
    defaults["steps"] = steps(without)
    if group not in ("task", "recipes"):  # the config that was composed has the group's own default choice in it
        section = {each.name: each for each in fields(Config)}[group].default_factory()  # type: ignore[misc]
        defaults |= dict(flat(OmegaConf.to_container(OmegaConf.structured(section)), f"{group}."))  # type: ignore[arg-type]
    repeated = [
        key
        for key, value in values.items()
        if key.rpartition(".")[2] not in NAMING and key in defaults and defaults[key] == value
    ]
    assert not repeated, f"{group}/{name}.yaml repeats {repeated}"


@pytest.mark.parametrize("tool", TOOLS)
def test_the_yaml_of_a_tool_only_chooses_groups(tool: str) -> None:
    values = OmegaConf.load(home() / "conf" / f"{tool}.yaml")
    assert list(values) == ["defaults"]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_the_numbers_of_a_degradation_stand_in_its_yaml_alone(name: str) -> None:
    _, values = chosen("degradation", name)
    parameters = list(inspect.signature(DEGRADATIONS[name]).parameters.values())
    assert all(each.default is inspect.Parameter.empty for each in parameters)
    names = {f"degradation.{each.name}" for each in parameters[1:] if each.name != "seed"}
    assert set(values) == names | {"degradation.name"}


def known() -> dict[str, set[Any]]:
    """The fields of all settings dataclasses by name, with their defaults."""
    found: dict[str, set[Any]] = {}
    for name, each in described(Config).items():
        if (last := name.rpartition(".")[2]) in OTHERS:
            continue
        default = each.default if isinstance(each.default, (int, float, str)) else None
        found.setdefault(last, set()).add(default)
    return found


def literal(node: ast.expr | None, defaults: set[Any]) -> bool:
    """Whether it is a number, as such or with its sign, or the very word or truth value that is the default."""
    if isinstance(node, ast.UnaryOp):
        return literal(node.operand, defaults)
    if not isinstance(node, ast.Constant):
        return False
    if isinstance(node.value, (str, bool)):
        return any(type(each) is type(node.value) and each == node.value for each in defaults)
    return isinstance(node.value, (int, float))


def below(file: Path) -> bool:
    """Whether it is of the metrics, which lie below the settings: their words are the registry's and the network's."""
    return file.is_relative_to(PACKAGE / "metrics")


def off(node: ast.expr | None, defaults: set[Any]) -> bool:
    """Whether it is a 0 that switches something off which the settings have on."""
    return isinstance(node, ast.Constant) and node.value == 0 and 0 not in defaults


def numbers(tree: ast.AST, names: dict[str, set[Any]]) -> Iterator[str]:
    """Where a parameter, or a dataclass's field, that is named like a setting has a number of its own."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            given = node.args
            positional = [*given.posonlyargs, *given.args]
            pairs = [
                *zip(positional[len(positional) - len(given.defaults) :], given.defaults, strict=True),
                *zip(given.kwonlyargs, given.kw_defaults, strict=True),
            ]
            for parameter, default in pairs:
                defaults = names.get(parameter.arg)
                if defaults and literal(default, defaults) and not off(default, defaults):
                    yield f"line {node.lineno}: {parameter.arg}={ast.unparse(default or parameter)}"
        if isinstance(node, ast.ClassDef):
            for line in node.body:
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                    defaults = names.get(line.target.id, {None})
                    if literal(line.value, defaults) and defaults != {
                        None
                    }:  # where the settings have no number of their own, a registry may
                        yield f"line {line.lineno}: {line.target.id}"


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(PACKAGE.parent)))
def test_a_function_takes_its_defaults_from_the_settings(file: Path) -> None:
    names = known()
    if below(file):
        names = {name: {each for each in defaults if not isinstance(each, str)} for name, defaults in names.items()}
    assert not list(numbers(ast.parse(file.read_text(encoding="utf-8")), names))


def test_the_check_finds_numbers() -> None:
    code = "def f(patience: int = 20, *, seed=0): ...\nclass A:\n    weight: float = 1.0\n    other: int = 3\n"
    code += "def g(background='white', device='cpu', coarse=False, log_loss=False): ...\n"
    assert len(list(numbers(ast.parse(code), known()))) == 5


@pytest.mark.parametrize(
    "section", [Config, *(import_module(f"enhance.cli.commands.{tool}").Settings for tool in ("score", "evaluate"))]
)
def test_every_setting_is_described(section: type) -> None:
    without = [name for name, each in described(section).items() if not each.description]
    assert [name for name in without if name not in ("task", "backbone")] == []


def test_every_section_has_a_default() -> None:
    for each in fields(schema.Config):
        assert each.default is not MISSING or each.default_factory is not MISSING
