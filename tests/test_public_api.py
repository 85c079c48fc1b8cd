"""What others may use is written down: in `__all__`, in docstrings, in README.md."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import engine

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PACKAGES = ("cli", "engine", "export", "measure", "models", "report")
MODULES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if path.read_text().strip()
)


def exports_in_readme() -> list[tuple[str, str]]:
    """Every (module, name) that README's Python imports from our packages."""
    imports = re.findall(r"^from ((?:engine|export)[\w.]*) import (.+)$", README, re.MULTILINE)
    return [(module, name) for module, names in imports for name in names.split(", ")]


def test_the_engines_names_are_sorted_and_there():
    assert sorted(engine.__all__) == engine.__all__
    for name in engine.__all__:
        assert hasattr(engine, name)


@pytest.mark.parametrize("name", engine.__all__)
def test_a_name_of_the_engine_is_documented(name):
    value = getattr(engine, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        # A dataclass without words of its own gets its signature for a docstring.
        assert value.__doc__
        assert not value.__doc__.startswith(f"{name}(")
    assert re.search(rf"`{name}\b", README)


@pytest.mark.parametrize(("module", "name"), exports_in_readme())
def test_what_readme_imports_is_documented(module, name):
    assert getattr(importlib.import_module(module), name).__doc__


def test_readme_shows_both_packages():
    assert {module.partition(".")[0] for module, _ in exports_in_readme()} == {"engine", "export"}


@pytest.mark.parametrize("path", MODULES, ids=[str(p.relative_to(ROOT)) for p in MODULES])
def test_a_module_begins_with_words(path):
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))
