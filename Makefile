# `make report` and `make test` work in a fresh clone: they make the virtual environment
# .venv and install the project there. PYTHON=python3.12 chooses the interpreter,
# OUTPUT=folder where the report goes.
PYTHON := python3
BIN := .venv/bin
# One stamp an interpreter: another PYTHON means another environment.
STAMP := .venv/installed-$(notdir $(PYTHON))

.PHONY: report test lint clean

report: $(STAMP)
	$(BIN)/python -m benchmarks report $(if $(OUTPUT),--output "$(OUTPUT)")

test: $(STAMP)
	$(BIN)/python -m pytest

lint: $(STAMP)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

clean:
	rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is made last, so that an interrupted install is done again.
$(STAMP): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --constraint constraints.txt --editable ".[dev]"
	touch $@
