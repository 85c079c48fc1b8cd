"""The images get what they are made of, and say where they are from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
CUDA = (ROOT / "Dockerfile.cuda").read_text("utf-8")
IGNORED = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
SENT = [line.removeprefix("!") for line in IGNORED if line.startswith("!")]
SOURCE = PYPROJECT["project"]["urls"]["Source"]


def is_sent(name: str) -> bool:
    return any(name == sent or name.startswith(f"{sent}/") for sent in SENT)


def test_only_what_is_named_is_sent_and_it_exists():
    assert "*" in IGNORED
    assert [name for name in SENT if not (ROOT / name).exists()] == []


def test_all_that_a_wheel_is_made_of_is_sent():
    (backend,) = PYPROJECT["build-system"]["backend-path"]
    wanted = [
        *PYPROJECT["tool"]["setuptools"]["package-dir"].values(),
        *PYPROJECT["project"]["license-files"],
        PYPROJECT["project"]["readme"],
        f"{backend}/{PYPROJECT['build-system']['build-backend']}.py",
        "pyproject.toml",
        "constraints.txt",
    ]
    assert [name for name in wanted if not is_sent(name)] == []


@pytest.mark.parametrize("text", [DOCKERFILE, CUDA], ids=["cpu", "cuda"])
def test_what_is_copied_by_name_is_sent(text):
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(\S+) ", text, re.MULTILINE)
    assert copied
    assert [name for name in copied if name != "." and not is_sent(name)] == []


def test_the_image_gets_what_a_dream_needs_with_the_plain_onnx_runtime():
    """The package itself is installed without its dependencies, which would bring CUDA's wheel."""
    needed = {re.match(r"[\w-]+", line)[0] for line in PYPROJECT["project"]["dependencies"]}
    (listed,) = re.findall(r"constraints\.txt \\\n +(filelock .*) \\$", DOCKERFILE, re.MULTILINE)
    assert set(listed.split()) == needed - {"onnxruntime-gpu"}
    assert "install --no-cache-dir --no-deps ." in DOCKERFILE
    assert "uninstall" not in DOCKERFILE


def test_permissions_are_octal():
    """Buildah 1.28 stops at letters, such as a+rw."""
    modes = re.findall(r"--chmod=(\S+)", DOCKERFILE + CUDA)
    assert modes
    assert [mode for mode in modes if not re.fullmatch(r"[0-7]{3,4}", mode)] == []


def test_jupyters_image_has_the_notebooks_packages():
    extra = PYPROJECT["project"]["optional-dependencies"]["notebook"]
    (packages,) = re.findall(r"constraints\.txt \\\n +(ipykernel .*)$", DOCKERFILE, re.MULTILINE)
    assert {re.match(r"[\w-]+", line)[0] for line in extra} < {
        name.partition("==")[0] for name in packages.split()
    }


@pytest.mark.parametrize("text", [DOCKERFILE, CUDA], ids=["cpu", "cuda"])
def test_nothing_runs_as_root(text):
    for stage in re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]:
        users = re.findall(r"^USER (\S+)$", stage, re.MULTILINE)
        if users or "ENTRYPOINT" in stage:
            assert users[-1] == "1000:1000"


def test_the_images_name_this_repository():
    assert f'org.opencontainers.image.source="{SOURCE}"' in DOCKERFILE
    image = f"ghcr.io/{SOURCE.removeprefix('https://github.com/')}"
    compose = (ROOT / "compose.yaml").read_text("utf-8")
    named = re.findall(r"ghcr\.io/[\w./-]+", DOCKERFILE + CUDA + compose)
    assert named
    assert set(named) == {image}
