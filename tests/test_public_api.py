"""What others may use is written down: in `__all__`, in docstrings, in docs/."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import ort_deepdream

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")
REFERENCE = (ROOT / "docs" / "reference.md").read_text("utf-8")
PACKAGES = (
    "cli",
    "engine",
    "export",
    "film",
    "measure",
    "src/ort_deepdream",
    "report",
    "web",
    "weights",
)
MODULES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if path.read_text().strip()
)


def imports_of_the_page() -> list[tuple[str, str]]:
    """Return every (module, name) that the page's Python imports from the package."""
    imports = re.findall(r"^from (ort_deepdream[\w.]*) import (.+)$", PAGE, re.MULTILINE)
    return [(module, name) for module, names in imports for name in names.split(", ")]


def test_the_engines_names_are_sorted_and_there():
    assert sorted(ort_deepdream.__all__) == ort_deepdream.__all__
    for name in ort_deepdream.__all__:
        assert getattr(ort_deepdream, name) is not None


def test_another_name_is_an_error_that_names_it():
    with pytest.raises(AttributeError, match="'ort_deepdream' has no attribute 'daydream'"):
        ort_deepdream.daydream  # noqa: B018


@pytest.mark.parametrize("name", ort_deepdream.__all__)
def test_a_name_of_the_engine_is_documented(name):
    value = getattr(ort_deepdream, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        # A dataclass without words of its own gets its signature for a docstring.
        assert value.__doc__
        assert not value.__doc__.startswith(f"{name}(")
    assert re.search(rf"`{name}\b", PAGE)
    assert f"\n::: ort_deepdream.{name}\n" in REFERENCE


@pytest.mark.parametrize(("module", "name"), imports_of_the_page())
def test_what_the_page_imports_is_documented(module, name):
    assert getattr(importlib.import_module(module), name).__doc__
    assert f"\n::: {module}.{name}\n" in REFERENCE


def test_the_page_shows_both_sides():
    assert {m.split(".")[1:2] == ["export"] for m, _ in imports_of_the_page()} == {True, False}


@pytest.mark.parametrize("path", MODULES, ids=[str(p.relative_to(ROOT)) for p in MODULES])
def test_a_module_begins_with_words(path):
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))
