"""The documents keep their word: commands run, Python runs, tables are complete."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from clips import draw_clip
from PIL import Image

import ort_deepdream
from ort_deepdream.cli.main import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
DOCS = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
DREAMING, PYTHON = DOCS["dreaming.md"], DOCS["python.md"]
# In the order in which they are run, in one folder: a page may use what those before it made.
TEXTS = list(dict.fromkeys([README, DREAMING, PYTHON, *DOCS.values()]))
RESULT = ROOT / "tests" / "measure" / "result-1.0.json"

COMMANDS = typer.main.get_command(app).commands
SET_UP = "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt "

# Lines that begin so are not run here.
NOT_RUN = (
    # these change the environment that this test runs in
    SET_UP,
    ".venv/bin/pip install -c constraints.txt ",
    # downloads: tests/weights has them from a local server
    "dream run photo.jpg --weights bvlc ",
    "dream weights get ",
    # downloads or goes on until Ctrl-C: tests/web has both
    "dream web",
    "python -m scripts.build_web ",
    # a minute and more: tests/cli and tests/benchmarks have them at smaller sizes, .ci/run the rest
    "dream verify ",
    "dream bench ",
    "asv machine --yes && ",
    ".ci/providers",
    # for a machine that has Docker
    "docker ",
    'DREAM_USER="$(id -u):$(id -g)" docker ',
    # for a machine that has a GPU
    "ORT_DEEPDREAM_BACKEND=cuda ",
    ".venv/bin/python -m scripts.gpu_acceptance ",
)


def blocks(language: str) -> list[str]:
    return [
        block
        for text in TEXTS
        for block in re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    ]


def shell_lines() -> list[str]:
    """Every line of a shell block, each once."""
    return list(dict.fromkeys("".join(blocks("bash")).splitlines()))


def dream_lines() -> list[list[str]]:
    """The words after `dream` of every line that begins with it."""
    return [shlex.split(line)[1:] for line in shell_lines() if line.startswith("dream ")]


def is_run(line: str) -> bool:
    return not line.startswith(NOT_RUN)


# --- The two commands -------------------------------------------------------------------------


def set_up_lines() -> list[str]:
    return [line for line in shell_lines() if line.startswith("python3")]


def test_two_lines_set_up_a_fresh_machine():
    """.ci/run executes them as they stand."""
    dreams, tests = set_up_lines()
    assert dreams.startswith(f"{SET_UP}. && .venv/bin/dream run ")
    assert tests == f"{SET_UP}'.[test]' && .venv/bin/python -m pytest -n auto"
    words = shlex.split(dreams.partition("/dream run ")[2])
    COMMANDS["run"].make_context("run", list(words))  # raises for an unknown option
    assert (ROOT / words[0]).is_file()
    left = Path(words[0]).with_name(f"{Path(words[0]).stem}-dream.png")
    assert f"`{left}`" in README


def test_ci_runs_just_these_two():
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    (pattern,) = re.findall(r"grep '\^(.*)' README\.md", script)
    assert [line for line in README.splitlines() if line.startswith(pattern)] == set_up_lines()
    assert script.index('bash -euc "${readme[0]}"') < script.index('bash -euc "${readme[1]}"')


def test_readme_is_short():
    assert len(README.splitlines()) < 200


def test_every_line_of_a_block_is_known_here():
    assert [line for line in shell_lines() if is_run(line) and not line.startswith("dream ")] == []
    languages = set(re.findall(r"^```(\w+)$", "\n".join(TEXTS), re.MULTILINE))
    assert languages == {"bash", "python"}


# --- Everything else, run from top to bottom in one folder -------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small photo.jpg, and with result files of `dream bench`."""
    path = tmp_path_factory.mktemp("documents")
    with Image.open(ROOT / "examples" / "landscape.jpg") as picture:
        picture.resize((96, 64)).save(path / "photo.jpg")
    Image.radial_gradient("L").resize((96, 64)).save(path / "mask.png")
    with Image.open(ROOT / "examples" / "cat.jpg") as picture:
        picture.resize((80, 60)).save(path / "flowers.jpg")
    draw_clip(path / "clip.mp4", shot=1)
    (path / "photos" / "more").mkdir(parents=True)
    for name in ("photos/photo.jpg", "photos/more/flowers.jpg"):
        shutil.copy(path / Path(name).name, path / name)
    (path / "results").mkdir()
    for name in ("result.json", "before.json", "after.json", "results/epyc.json"):
        shutil.copy(RESULT, path / name)
    return path


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    bin_folder = str(Path(sys.executable).parent)
    cache = str(tmp_path_factory.mktemp("cache"))
    return {"PATH": f"{bin_folder}:/usr/bin:/bin", "ORT_DEEPDREAM_CACHE": cache, "HOME": cache}


class Documents:
    """The lines to type, run in turn in one folder: some use what those before them made."""

    lines = tuple(line for line in shell_lines() if is_run(line))

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment, self.done = folder, environment, 0
        self.given = {path.name for path in folder.iterdir()}

    def run_up_to(self, line: str) -> None:
        """Run a line, and what of those before it was not run yet."""
        while self.done <= self.lines.index(line):
            self.run(shlex.split(self.lines[self.done]))
            self.done += 1

    def run(self, words: list[str]) -> None:
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stderr}"


@pytest.fixture(scope="module")
def documents(folder, environment) -> Documents:
    return Documents(folder, environment)


@pytest.mark.parametrize("line", Documents.lines)
def test_a_command_runs(documents, line):
    documents.run_up_to(line)


def test_the_commands_are_all_there_and_make_what_they_say(documents):
    assert shutil.which("dream", path=documents.environment["PATH"])
    documents.run_up_to(documents.lines[-1])
    named = {shlex.split(line)[1] for line in documents.lines}
    assert named == set(COMMANDS) - {"verify", "bench", "web"}
    made = {path.name for path in documents.folder.iterdir()} - documents.given
    numbered = {f"photo-dream{number}.png" for number in ("", "-2", "-3")}
    pictures = {*numbered, "channel.png", "channels.png", "fine.png", "seven.jpg"}
    pictures |= {"eyes.png", "away.png", "masked.png", "look.png", "film.gif", "both.png"}
    pictures |= {"even.png", "smooth.png", "led.png", "sheet.png", "inception_4c-output-84.png"}
    pictures |= {"photo-zoom.webp", "photo-zoom.webp.json", "clip-dream.mp4", "clip-dream.mp4.json"}
    assert made == {*pictures, "dreams", "board", "dream.onnx", "report.html"}


@pytest.mark.parametrize("words", dream_lines(), ids=shlex.join)
def test_the_commands_can_be_typed(words):
    name, *options = words
    COMMANDS[name].make_context(name, options)  # raises for an unknown option


def test_the_python_runs(documents, folder):
    documents.run_up_to(documents.lines[-1])
    (folder / "photo-dream.png").unlink()
    for block in blocks("python"):
        documents.run([sys.executable, "-c", block])
    with Image.open(folder / "photo-dream.png") as picture:
        assert picture.size == (96, 64)
    assert (folder / "channel.onnx").exists()


# --- The tables -------------------------------------------------------------------------------


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the table under a heading row that begins so."""
    lines = text.partition(f"\n{heading}")[2].splitlines()[2:]
    table = lines[: next(n for n, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_every_command_is_listed():
    listed = [row[0] for row in rows(DREAMING, "| command |")]
    assert [cell.split()[1].strip("`") for cell in listed] == list(COMMANDS)


def test_every_public_name_is_listed():
    listed = " ".join(cell for row in rows(PYTHON, "| name |") for cell in row)
    assert set(ort_deepdream.__all__) <= set(re.findall(r"`(\w+)", listed))


def test_the_pictures_are_small():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert len(pictures) >= 2
    assert sum((ROOT / picture).stat().st_size for picture in pictures) < 500_000
