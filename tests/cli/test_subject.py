"""What `dream run` dreams on: other sizes, masks, presets, and what cannot be asked for at once."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ort_deepdream import DreamError, find_preset, read_metadata, read_picture
from ort_deepdream.engine.presets import PRESETS
from ort_deepdream.engine.settings import Settings

QUICK = ["--iterations", 1, "--octaves", 2, "--backend", "cpu", "--threads", 1, "--seed", 3]


@pytest.fixture
def quick(dream, photo, model, monkeypatch) -> Callable[..., dict[str, str]]:
    """`dream run`, quickly; returns what the dream stores."""
    monkeypatch.chdir(photo.parent)
    photo.with_name(model.name).write_bytes(model.read_bytes())

    def run(*words: object) -> dict[str, str]:
        outcome = dream("run", photo, "--model", model, *QUICK, *words, "-o", "out.png")
        assert outcome.exit_code == 0, outcome.stderr
        return read_metadata("out.png")

    return run


def pixels(path: Path | str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def ellipse(width: int, height: int) -> Image.Image:
    """White in the middle, black at the border, grey between."""
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    levels = np.clip((0.9 - np.hypot(down, across)) * 2, 0, 1) * 255
    return Image.fromarray(levels.astype(np.uint8))


# --- Size -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "size"),
    [
        (["--size", "32"], (32, 24)),
        (["--size", "100"], (100, 75)),
        (["--size", "40x40"], (40, 40)),
        (["--scale", "0.5"], (32, 24)),
        (["--scale", "1.5"], (96, 72)),
    ],
)
def test_another_size_is_dreamt_on_and_stored(quick, dream, words, size):
    stored = quick(*words)
    assert pixels("out.png").shape[1::-1] == size
    assert "=".join(words) in shlex.split(stored["deepdream.command"])
    again = shlex.split(stored["deepdream.command"])[1:]
    assert dream(*again, "-o", "again.png").exit_code == 0
    assert (pixels("again.png") == pixels("out.png")).all()


@pytest.mark.parametrize("word", ["40X30", "40×30"])
def test_a_size_with_another_cross_is_the_same(quick, word):
    stored = quick("--size", word)
    assert pixels("out.png").shape[1::-1] == (40, 30)
    assert "--size=40x30" in shlex.split(stored["deepdream.command"])


def test_it_is_resized_by_lanczos(quick, photo):
    quick("--size", "40x30", "--step", 0)
    with Image.open(photo) as image:
        wanted = image.resize((40, 30), Image.Resampling.LANCZOS)
    # Pillow clips its bytes between two passes; fractions are kept here.
    different = np.abs(pixels("out.png") - np.asarray(wanted, float))
    assert np.percentile(different, 98) <= 1
    assert different.mean() < 0.1


def test_stretching_is_noted(dream, photo, model):
    words = ["run", photo, "-m", model, *QUICK, "-o", photo.with_name("x.png")]
    assert dream(*words, "--size", "40x30").stderr == ""
    said = dream(*words, "--size", "40x40").stderr
    assert said == "dream: note: --size 40x40 stretches the picture, which is 64x48\n"


def test_what_is_transparent_does_not_bleed(quick, photo):
    levels = np.zeros((48, 64, 4), np.uint8)
    levels[:, 32:] = 255  # white and opaque beside black and transparent
    Image.fromarray(levels).save(photo)
    quick("--size", "33x25", "--step", 0)
    made = pixels("out.png")
    seen = made[..., 3] > 16
    assert 0 < seen.mean() < 1
    assert made[seen][:, :3].min() >= 254


# --- The mask ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [[], ["--keep-colours"], ["--keep-contrast"], ["--size", "80"]], ids=str
)
def test_where_the_mask_is_black_the_bytes_are_the_photographs(quick, photo, words):
    wide, high = (80, 60) if "--size" in words else (64, 48)
    ellipse(wide, high).save("mask.png")
    quick("--mask", "mask.png", *words)
    dreamt = pixels("out.png").copy()
    quick("--step", 0, *[word for word in words if "keep" not in word])
    black, white = (pixels("mask.png") == level for level in (0, 255))
    assert black.any()
    assert (dreamt[black] == pixels("out.png")[black]).all()
    assert np.abs(dreamt[white].astype(float) - pixels("out.png")[white]).mean() > 0.5


def test_a_mask_of_another_size_is_stretched(quick, photo):
    ellipse(20, 90).save("mask.png")
    stored = quick("--mask", "mask.png")
    assert "--mask=mask.png" in shlex.split(stored["deepdream.command"])
    same = (pixels("out.png") == pixels(photo)).all(axis=2)
    assert same[0].all()
    assert same[:, 0].all()
    assert not same[16:32, 22:42].any(axis=1).all()


def test_transparency_is_a_mask_by_choice(quick, photo):
    with Image.open(photo) as picture:
        picture.putalpha(ellipse(64, 48))
        picture.save(photo)
    stored = quick("--mask", "alpha")
    assert "--mask=alpha" in shlex.split(stored["deepdream.command"])
    given, made = pixels(photo), pixels("out.png")
    assert (made[..., 3] == given[..., 3]).all()
    assert (made[given[..., 3] == 0] == given[given[..., 3] == 0]).all()
    assert (made != given)[given[..., 3] == 255].any()


def test_what_is_transparent_in_a_mask_is_black(quick, photo):
    white = Image.new("RGBA", (64, 48), "white")
    white.putalpha(ellipse(64, 48))
    white.save("mask.png")
    quick("--mask", "mask.png")
    transparent = pixels("mask.png")[..., 3] == 0
    assert (pixels("out.png")[transparent] == pixels(photo)[transparent]).all()


REFUSALS = {
    "--mask nothere.png": ("nothere.png: there is no such file",),
    "--mask text.txt": ("text.txt: not a picture that can be read",),
    "--mask black.png": ("black.png: is black all over, so nothing would dream",),
    "--mask alpha": ("photo.png: has no transparency for --mask alpha",),
    "--mask https://example.org/m.png": ("is an address, not a file",),
    "--mask mask.png -o mask.png": ("would replace mask.png, which this command reads",),
    "--size 0": ("--size must be 1 to 100000, not 0",),
    "--size 10x": ("'10x' is no size",),
    "--size big": ("--size must be pixels, such as 640 or 640x480, not 'big'",),
    "--size 99999": ("takes 270.0 GB", "choose a smaller one"),
    "--size 32 --scale 2": ("--size and --scale exclude each other",),
    "--scale 0": ("--scale must be more than 0, not 0",),
    "--scale 900 --size 3": ("exclude each other",),
    "--octave-sizes 32,16": ("octave-sizes must grow, and 16 comes after 32",),
    "--octave-sizes 65": ("octave-sizes has 65, and the picture is 64x48",),
    "--octave-sizes 32 --octaves 2": ("--octave-sizes and --octaves exclude each other",),
    "--preset eye": ("--preset cannot be 'eye': did you mean eyes?",),
    "--preset eyes": ("--model and --preset eyes exclude each other", "subtle or strong"),
    "--preview look.xyz": ("look.xyz: a picture cannot be written as .xyz",),
    "--animate film.mp4": ("film.mp4: an animation cannot be written so",),
    "--animate nowhere/a.gif": ("the folder nowhere does not exist",),
    "--compare photo.png": ("would replace photo.png, which this command reads",),
    "--compare x.png --preview x.png": ("x.png: would be written twice",),
    "--compare x.png -o x.png": ("x.png: would be written twice",),
}


@pytest.mark.parametrize("words", REFUSALS)
def test_refusal(dream, photo, model, monkeypatch, words):
    monkeypatch.chdir(photo.parent)
    photo.with_name("text.txt").write_text("no picture")
    Image.new("L", (64, 48)).save("black.png")
    ellipse(64, 48).save("mask.png")
    before = set(photo.parent.iterdir())
    if words.startswith("--size 99999"):
        monkeypatch.setattr("ort_deepdream.cli.subject.available", lambda: ROOM)
    error = dream("run", "photo.png", "-m", model, "-b", "cpu", *words.split()).error
    for said in REFUSALS[words]:
        assert said in error
    assert set(photo.parent.iterdir()) == before


class ROOM:
    free, limit = 10**9, "free here"


# --- Presets ----------------------------------------------------------------------------------


def test_a_preset_is_written_out_and_what_is_typed_has_its_way(dream, photo, monkeypatch):
    monkeypatch.chdir(photo.parent)
    words = ["run", photo, "-p", "eyes", "--iterations", 1, "-b", "cpu", "-o", "out.png"]
    assert dream(*words).exit_code == 0
    stored = read_metadata("out.png")
    command = shlex.split(stored["deepdream.command"])
    assert not any(word.startswith(("-p", "--preset")) for word in command)
    assert f"--layer={PRESETS['eyes'].layers[0]}" in command
    assert stored["deepdream.iterations"] == "1"
    assert dream(*command[1:], "-o", "again.png").exit_code == 0
    assert (pixels("again.png") == pixels("out.png")).all()
    assert dream(*words, "-l", "inception_3a/output").exit_code == 0
    assert "inception_3a/output" in read_metadata("out.png")["deepdream.layers"]


def test_a_preset_without_layers_goes_with_a_gradient_file(quick):
    typed = quick("--preset", "strong")
    assert (typed["deepdream.iterations"], typed["deepdream.octaves"]) == ("1", "2")


@pytest.mark.parametrize("name", PRESETS)
def test_a_presets_octaves_grow_with_the_picture(name):
    preset = PRESETS[name]
    sizes = [(30, 40), (200, 300), (427, 640), (1000, 3000), (3000, 4000)]
    counts = [preset.settings(*size, {"seed": 1}).octaves for size in sizes]
    assert counts == sorted(counts)
    assert (counts[0], len(set(counts))) == ((1, 5) if preset.smallest else (4, 1))
    if preset.smallest:
        smallest = 3000 / 1.4 ** (counts[-1] - 1)
        assert preset.smallest <= smallest < preset.smallest * 1.4
    assert preset.settings(3000, 4000, {"octaves": 2, "seed": 1}).octaves == 2
    assert preset.settings(3000, 4000, {"octave_sizes": (9,), "seed": 1}).octave_sizes == (9,)


def test_a_preset_is_found_by_its_name():
    assert find_preset("eyes") is PRESETS["eyes"]
    with pytest.raises(DreamError, match=r"there is no preset 'eye': did you mean eyes\?"):
        find_preset("eye")


def test_the_classic_preset_is_the_notebook():
    assert PRESETS["classic"].settings(427, 640, {"seed": 1}) == Settings(seed=1)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_in_the_document_as_it_is(name):
    preset = PRESETS[name]
    page = (Path(__file__).parents[2] / "docs" / "dreaming.md").read_text("utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
    _, _, about, layer, settings, smallest, _ = (cell.strip() for cell in row.split("|"))
    chosen = preset.settings(1000, 1000, {"seed": 1})
    assert about == preset.about
    assert [layer.strip("`")] == [*(preset.layers or ("any",))]
    assert settings.partition(",")[0] == str(chosen.iterations)
    assert f"--step {chosen.step:g}`" in settings or chosen.step == 1.5
    for option in ("smooth", "keep_colours", "keep_contrast"):
        assert bool(getattr(chosen, option)) == (f"--{option.replace('_', '-')}" in settings)
    assert smallest == (f"{preset.smallest} pixels" if preset.smallest else "4 octaves")


@pytest.mark.parametrize("name", PRESETS)
def test_a_presets_layers_are_shipped(name):
    from ort_deepdream.weights.builtin import shipped_layers

    assert set(PRESETS[name].layers) <= set(shipped_layers())


# --- What is written beside the dream ---------------------------------------------------------


def test_a_preview_is_there_meanwhile_and_is_the_dream_in_the_end(quick, photo, monkeypatch):
    import ort_deepdream.cli.products as products

    seen = []
    real = products.write_picture

    def write(path, rgb, **options):
        seen.append(Path(path).name)
        real(path, rgb, **options)

    monkeypatch.setattr(products, "write_picture", write)
    monkeypatch.setattr(products, "PAUSE", 0)
    monkeypatch.setattr(products, "SHARE", 1e9)
    quick("--preview", "look.png")
    assert seen == ["look.png", "look.png", "out.png", "look.png"]
    assert (pixels("look.png") == pixels("out.png")).all()


def test_an_unwritable_preview_does_not_lose_the_dream(dream, photo, model, monkeypatch):
    import ort_deepdream.cli.products as products

    real = products.write_picture

    def write(path, rgb, **options):
        if "metadata" not in options:
            raise DreamError("look.png: the disk is full")
        real(path, rgb, **options)

    monkeypatch.setattr(products, "write_picture", write)
    monkeypatch.chdir(photo.parent)
    outcome = dream("run", photo, "-m", model, *QUICK, "--preview", "look.png", "-o", "out.png")
    assert outcome.exit_code == 0
    assert outcome.stderr == "dream: note: there are no more previews: look.png: the disk is full\n"
    assert Path("out.png").exists()


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.apng"])
def test_an_animation_has_the_photo_and_each_step(quick, photo, name):
    quick("--animate", name, "--iterations", 3, "--step", 20)
    with Image.open(name) as film:
        assert film.n_frames == 1 + 2 * 3
        assert film.size == (64, 48)
        first = np.asarray(film.convert("RGB"), float)
        film.seek(6)
        last = np.asarray(film.convert("RGB"), float)
    assert np.abs(first - pixels(photo)).mean() < 16
    assert np.abs(last - pixels("out.png")).mean() < (40 if name == "a.webp" else 16)  # lossy
    assert np.abs(last - pixels(photo)).mean() > np.abs(last - pixels("out.png")).mean()


@pytest.mark.parametrize("steps", [1, 59, 60, 61, 500])
def test_an_animation_is_neither_long_nor_large(steps):
    from ort_deepdream.cli.products import Outputs, Watcher
    from ort_deepdream.engine.deepdream import Progress
    from ort_deepdream.engine.image import Picture

    rgb = np.zeros((10, 1000, 3), np.float32)
    watcher = Watcher(Outputs(Path("x"), (), animation=Path("a.gif")), Picture(rgb))
    for step in range(1, steps + 1):
        watcher.step(Progress(1, 1, step, steps, 10, 1000, 0.0, 0.0, lambda: rgb))
    assert {frame.size for frame in watcher.animation.frames} == {(480, 5)}
    assert len(watcher.animation.frames) == 1 + min(steps, 60)


def test_before_and_after_stand_side_by_side(quick, photo):
    quick("--compare", "both.png")
    both = pixels("both.png")
    assert (both[:, :64] == pixels(photo)).all()
    assert (both[:, 64:-64] == 255).all()
    assert (both[:, -64:] == pixels("out.png")).all()


def test_force_replaces_the_dream_with_the_usual_name(dream, photo, model):
    words = ["run", photo, "-m", model, *QUICK]
    names = [dream(*words, *more).stdout.partition(":")[0] for more in ([], [], ["--force"])]
    assert [Path(name).name for name in names] == [
        "photo-dream.png",
        "photo-dream-2.png",
        "photo-dream.png",
    ]


def test_the_dream_is_opened_when_it_is_done(dream, photo, model, monkeypatch):
    opened = []
    monkeypatch.setattr("typer.launch", lambda path: opened.append(path) or 0)
    words = ["run", photo, "-m", model, *QUICK, "--open"]
    assert dream(*words).stderr == ""
    assert opened == [str(photo.with_name("photo-dream.png"))]
    monkeypatch.setattr("typer.launch", lambda path: 1)
    assert "photo-dream-2.png cannot be opened here" in dream(*words).stderr


# --- What a dream says of itself --------------------------------------------------------------


def test_info_prints_the_settings_and_the_command(quick, dream):
    stored = quick("--keep-colours", "--step", 2.5)
    outcome = dream("info", "out.png")
    assert outcome.exit_code == 0
    lines = outcome.stdout.splitlines()
    assert lines[-1] == stored["deepdream.command"]
    shown = {tuple(line.split()) for line in lines}
    assert {("step", "2.5"), ("keep", "colours", "True"), ("seed", "3")} <= shown


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("photo.png", "photo.png: holds no settings of a dream"),
        ("nothere.png", "nothere.png: there is no such file"),
    ],
)
def test_info_of_what_is_no_dream(dream, photo, monkeypatch, name, said):
    monkeypatch.chdir(photo.parent)
    assert dream("info", name).error.startswith(said)


def test_info_shows_what_a_picture_says_without_its_control_characters(dream, photo):
    from PIL import PngImagePlugin

    chunks = PngImagePlugin.PngInfo()
    for key in ("command", "layers"):
        chunks.add_itxt(f"deepdream.{key}", "\x1b[31m[red]bad\n")
    with Image.open(photo) as image:
        image.save(photo, pnginfo=chunks)
    said = dream("info", photo).stdout
    assert "\x1b" not in said
    assert "[red]bad" in said


def test_a_picture_resized_in_python_is_the_commands(photo, quick):
    quick("--size", "40x30", "--step", 0)
    made = read_picture(photo).resized(40, 30)
    assert (pixels("out.png") == np.asarray(made.image)).all()
