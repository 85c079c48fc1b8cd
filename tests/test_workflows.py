"""What .github/ and .pre-commit-config.yaml say of this project holds, and of each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
each_workflow = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)


@each_workflow
def test_actions_are_pinned_to_a_major_version(workflow):
    used = re.findall(r"\buses: (\S+)", workflow.read_text("utf-8"))
    ours = [action for action in used if action.startswith("./")]
    assert [action for action in ours if not (ROOT / action).is_file()] == []
    others = set(used) - set(ours)
    assert [action for action in others if not re.search(r"@(release/)?v\d+$", action)] == []


@each_workflow
def test_a_workflow_may_read_and_no_more_unless_it_says_why(workflow):
    text = workflow.read_text("utf-8")
    assert "\npermissions:\n  contents: read\n" in text
    written = re.findall(r"^ +[\w-]+: write\b(.*)$", text, re.MULTILINE)
    deployment = text.count("actions/deploy-pages") * ["", ""]  # which wants just these two
    assert [reason for reason in written if not reason.strip()] == deployment


@each_workflow
def test_the_extras_and_scripts_that_it_names_exist(workflow):
    text = workflow.read_text("utf-8")
    extras = {name for names in re.findall(r"'\.\[([\w,]+)\]'", text) for name in names.split(",")}
    assert extras <= set(PROJECT["optional-dependencies"])
    for script in re.findall(r"python -m scripts\.(\w+)", text):
        assert (ROOT / "scripts" / f"{script}.py").is_file()


def test_each_supported_python_is_tested():
    tests = (ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8")
    (pythons,) = re.findall(r"python: \[(.*)\]", tests)
    assert PROJECT["requires-python"] == f">={pythons.split(',')[0].strip(chr(34))}"


def test_a_commit_is_checked_by_the_ruff_that_is_pinned():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    pins = (ROOT / "constraints.txt").read_text("utf-8")
    (hook,) = re.findall(r"ruff-pre-commit\n +rev: v(\S+)", hooks)
    assert f"\nruff=={hook}\n" in pins


def test_a_wheel_can_be_built_from_the_sdist():
    """As a release is: the sdist has the build backend of this project."""
    system = PYPROJECT["build-system"]
    (folder,) = system["backend-path"]
    backend = f"{folder}/{system['build-backend']}.py"
    assert (ROOT / backend).is_file()
    assert f"\ninclude {backend}\n" in (ROOT / "MANIFEST.in").read_text("utf-8")
