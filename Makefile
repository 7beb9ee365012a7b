# make demo   installs into .venv and runs the first example
# make test   installs the test extra too and runs the tests, a file on one worker, which shares what is set up for it
# make slow   the tests of minutes
# make thorough  every test, with 200 examples where 15 are drawn
# make check  lint, spelling and types
# make docs   the pages, in docs/_build/html: no network, and no warning passes
# make wheel  the wheel, in dist/
# make nox-SESSION  a session of noxfile.py, in an environment of its own: nox-tests-3.12, nox-lowest, nox-newest, nox-wheel-3.13
# make gpu    measures on a CUDA device and writes docs/gpu.md; needs torch and NumPy alone, of PYTHON
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# The processes that tests begin need not compile the package anew, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test slow thorough check docs wheel gpu clean

demo: $(VENV)/.installed
	$(BIN)/python -m enhance task=recover metric=deepwsd

test: $(VENV)/.tested
	$(BIN)/python -m pytest -n 2 --dist loadfile

slow: $(VENV)/.tested
	$(BIN)/python -m pytest -m slow

thorough: $(VENV)/.tested
	$(BIN)/python -m pytest -n 2 -m "slow or not slow" --hypothesis-profile=thorough

check: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: $(VENV)/.documented
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

wheel: $(VENV)/.tested
	$(BIN)/python -m hatchling build --target wheel

gpu:
	$(PYTHON) -m benchmarks.gpu

nox-%:
	$(PYTHON) -m pip install --disable-pip-version-check nox
	$(PYTHON) -m nox --error-on-missing-interpreters -s $*

$(BIN)/python:
	$(PYTHON) -c "import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else 'enhance needs Python 3.11, 3.12 or 3.13, since Hydra 1.3 does not run on 3.14: make PYTHON=python3.11')"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -e .
	touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[test]'
	touch $@

$(VENV)/.documented: $(VENV)/.installed
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) build dist docs/_build *.egg-info
