"""What holds for every document: its links lead somewhere, and the files that it names exist."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import onnx
import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
HOMES = (".github", "benchmarks", "docs", "report", "scripts", "training")
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(p for home in HOMES for p in (ROOT / home).rglob("*.md"))]
)
FOLDERS = (
    r"(?:\.ci|\.github|benchmarks|cli|docs|engine|examples|export|film|measure|report|scripts|src|tests"
    r"|training|web|weights)"
)
ids = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_links_lead_somewhere(document):
    text = re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        name, _, anchor = target.partition("#")
        file = document.parent / name if name else document
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_the_files_that_it_names_exist(document):
    named = re.findall(rf"`({FOLDERS}/[\w./-]*)`", document.read_text("utf-8"))
    missing = [
        name
        for name in named
        if not (ROOT / name).exists() and not name.endswith("-dream.png")  # what a command leaves
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_the_extras_and_scripts_that_it_names_exist(document):
    text = document.read_text("utf-8")
    extras = {name for names in re.findall(r"\.\[([\w,]+)\]", text) for name in names.split(",")}
    assert extras <= set(PYPROJECT["project"]["optional-dependencies"])
    for module in re.findall(r"python -m ((?:scripts|training)\.\w+)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


OTHER_WORDS = {  # docs/glossary.md has one for each thing
    "contender": r"rivals?|contestants?|candidates?|competitors?",
    "step": r"epochs?",
    "result file": r"results files?|benchmark files?",
}


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
@pytest.mark.parametrize("word", OTHER_WORDS)
def test_one_word_for_one_thing(document, word):
    text = re.sub(r"^```.*?^```$|`[^`\n]+`", "", document.read_text("utf-8"), flags=re.S | re.M)
    assert re.findall(rf"\b(?:{OTHER_WORDS[word]})\b", text, re.IGNORECASE) == []


def test_the_glossary_has_the_words():
    glossary = (ROOT / "docs" / "glossary.md").read_text("utf-8").lower()
    assert [word for word in OTHER_WORDS if f"| **{word}** |" not in glossary] == []


# --- The folders, and who may import whom ------------------------------------------------------


def first_cells(text: str, heading: str) -> list[tuple[str, str]]:
    """Return the first cell of each row of the table under a heading row, and the rest."""
    table = text.partition(f"\n{heading}")[2].partition("\n\n")[0].splitlines()[2:]
    return [(row.split("|")[1], row) for row in table]


def test_the_files_in_the_table_of_folders_exist():
    table = first_cells((ROOT / "docs" / "how-it-works.md").read_text("utf-8"), "| folder |")
    for cell, row in table:
        folder, *names = re.findall(r"`([\w./-]+(?:/|\.py|\.mjs))`", row)
        assert folder in cell
        assert [name for name in names if not (ROOT / folder / name).exists()] == [], folder


def test_the_table_of_rooms_is_that_of_the_architecture():
    """tests/test_architecture.py holds the code to it."""
    layers = PYPROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = [name for layer in layers for name in re.findall(r"\w+", layer)]
    folders = [name for name in rooms if (ROOT / name).is_dir()]
    table = first_cells((ROOT / "CONTRIBUTING.md").read_text("utf-8"), "| room |")
    named = [name for cell, _ in table for name in re.findall(r"`(\w+)`", cell)]
    assert named == folders


# --- docs/model-file.md -----------------------------------------------------------------------

MODEL_FILE = (ROOT / "docs" / "model-file.md").read_text("utf-8")


@pytest.fixture(scope="module")
def gradient_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ort_deepdream.export.model_file import export_gradient, save
    from ort_deepdream.export.weights import load_weights

    path = tmp_path_factory.mktemp("model") / "dream.onnx"
    save(export_gradient(load_weights("seeded:0"), ["conv1/7x7_s2"]), path)
    return path


def test_the_keys_of_a_gradient_file_are_documented(gradient_file):
    properties = onnx.load(gradient_file).metadata_props
    documented = re.findall(r"^\| `(deepdream\.\w+)` \| (\w+)", MODEL_FILE, re.MULTILINE)
    # tests/export/test_half.py, tests/export/test_gradient.py
    only_in_some = {f"deepdream.{key}" for key in ("precision", "size", "least_side", "any_layout")}
    assert {p.key for p in properties} | only_in_some == {key for key, _ in documented}
    values = {p.key: p.value for p in properties}
    for key, kind in documented:
        if kind == "JSON" and key not in only_in_some:
            json.loads(values[key])


def test_a_gradient_file_is_used_as_documented(gradient_file, monkeypatch):
    (block,) = re.findall(r"^```python\n(.*?)^```$", MODEL_FILE, re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(gradient_file.parent)
    exec(block, {})


def test_the_graph_is_as_documented(gradient_file):
    model = onnx.load(gradient_file)
    documented = re.findall(
        r"^\| (\w+) \| `(\w+)` \| float32 \| `(\[.*\])` \|$", MODEL_FILE, re.MULTILINE
    )
    found = [
        (kind, value.name, f"[{', '.join(str(d.dim_param or d.dim_value) for d in dims(value))}]")
        for kind, values in (("input", model.graph.input), ("output", model.graph.output))
        for value in values
    ]
    assert found == documented
    (opset,) = model.opset_import
    assert (
        f"Opset {opset.version}, domain `ai.onnx` only, IR version {model.ir_version}" in MODEL_FILE
    )


def dims(value: onnx.ValueInfoProto) -> list[onnx.TensorShapeProto.Dimension]:
    assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    return list(value.type.tensor_type.shape.dim)
