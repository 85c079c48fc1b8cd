"""Networks that are nobody's entry: torchvision's, and modules of somebody's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ort_deepdream import load_model
from ort_deepdream.errors import DreamError
from ort_deepdream.export.library import find_module, preprocessing, torchvision_names
from ort_deepdream.export.model_file import export_gradient, save
from ort_deepdream.export.module_weights import module_architecture, module_weights
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.export.verify import TIMES_TORCH, verify
from ort_deepdream.export.weights import Weights
from scripts.compare_networks import NETWORKS

OWN = '''
import torch
from torch import nn
from torch.nn import functional as F


class Own(nn.Module):
    """A strided start, groups with gaps, a squeeze, and a layer behind it that is no map."""

    def __init__(self):
        super().__init__()
        conv = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.stem = nn.Sequential(conv, nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.deep = nn.Conv2d(8, 16, 3, padding=2, dilation=2, groups=4)
        self.gate = nn.Conv2d(16, 16, 1)
        self.mixed = nn.Identity()
        self.act = nn.SiLU(inplace=True)
        self.last = nn.Conv2d(16, 4, 5)
        self.head = nn.Linear(4, 3)
        self.unused = nn.Conv2d(1, 1, 1)

    def forward(self, x):
        x = self.act(self.deep(self.stem(x)))
        x = self.mixed(x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True))))
        x = self.act(self.last(x))
        return self.head(x.mean((2, 3)))


class Fixed(nn.Module):
    """It takes pictures of 224x224 alone."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 4, 32, stride=32)
        self.places = nn.Parameter(torch.ones(1, 4, 7, 7))
        self.mixed = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        return self.mixed(self.patches(x) + self.places)


def make():
    torch.manual_seed(0)
    net = Own()
    nn.init.uniform_(net.stem[1].running_var, 0.5, 2)
    nn.init.uniform_(net.stem[1].running_mean, -1, 1)
    return net


def fixed():
    torch.manual_seed(0)
    return Fixed()


def fails():
    raise OSError("no disk\\nat all")


def number():
    return 3


def stopping():
    class Stopping(nn.Module):
        def forward(self, x):
            raise ValueError("never")
    return Stopping()
'''


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "nets.py"
    path.write_text(OWN)
    return path


def exported(
    name: str, layers: list[str], weights: str | None, folder: Path, target: str = "cpu"
) -> Path:
    path = folder / f"{target}.onnx"
    loaded = module_weights(find_module(name), layers, weights)
    save(export_gradient(loaded, layers, TARGETS[target]), path)
    return path


@pytest.mark.parametrize("target", TARGETS)
def test_ones_own_module_has_the_gradient_of_autograd(
    own: Path, tmp_path: Path, target: str
) -> None:
    layers = ["mixed", "stem:3=0.5", "act"]
    path = exported(f"{own}:make", layers, None, tmp_path, target)
    model = load_model(path, "cpu")
    assert (model.info.architecture, model.info.weights) == ("nets.py:make", "own")
    assert model.info.size is None
    assert model.least_side == 9 > model.info.stride == 2  # five values, for the last convolution
    rows = list(verify(path, model.gradient, sizes=((33, 40),), network_name=f"{own}:make"))
    assert {(row.height, row.width) for row in rows} == {(33, 40), (9, 10)}
    assert all(row.passed and row.gradient_error < 1e-5 for row in rows)


def test_its_layers_are_modules_that_give_maps(own: Path) -> None:
    found = module_architecture(find_module(f"{own}:make"))
    shapes = {name: (shape.channels, shape.stride) for name, shape in found.layers.items()}
    assert shapes["stem"] == shapes["stem.0"] == (8, 2)
    assert shapes["mixed"] == (16, 2)
    assert list(found.layers)[-2:] == ["last", "act"]  # where its module was last called
    assert not {"gate", "head", "unused"} & set(shapes)


def test_a_layer_before_a_module_that_writes_into_it_is_as_it_was(own: Path) -> None:
    weights = module_weights(find_module(f"{own}:make"), ["stem.1"], None)
    from ort_deepdream.export.weights import build_network

    network = build_network(weights)
    image = torch.randn(1, 3, 16, 16, generator=torch.manual_seed(0))
    assert (network.activations(image, {"stem.1"})["stem.1"] < 0).any()


def test_a_network_of_one_size_says_so(own: Path, tmp_path: Path) -> None:
    path = exported(f"{own}:fixed", ["mixed"], "seeded:1", tmp_path)
    model = load_model(path, "cpu")
    assert model.info.size == (224, 224)
    row = next(verify(path, model.gradient, network_name=f"{own}:fixed"))
    assert row.passed
    assert (row.height, row.width) == (224, 224)
    # Before the places are added, any size will do.
    assert module_architecture(find_module(f"{own}:fixed")).ways["patches"].size is None


def test_verify_runs_nobodys_code_unasked(own: Path, tmp_path: Path) -> None:
    path = exported(f"{own}:make", ["stem"], None, tmp_path)
    with pytest.raises(DreamError, match="somebody's own code; name it with --network"):
        next(verify(path, lambda image: (0.0, image)))
    with pytest.raises(DreamError, match=r"is of nets\.py:make, not of nets\.py:fixed"):
        next(verify(path, lambda image: (0.0, image), network_name=f"{own}:fixed"))


def state_of(own: Path) -> dict[str, Tensor]:
    state = find_module(f"{own}:make").module.state_dict()
    return {name: tensor + 0.25 for name, tensor in state.items()}


def read(own: Path, path: Path, layer: str = "mixed") -> Weights:
    return module_weights(find_module(f"{own}:make"), [layer], str(path))


def test_weights_come_from_a_state_dict_or_safetensors(own: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    state = state_of(own)
    headless = {name: tensor for name, tensor in state.items() if not name.startswith("head")}
    torch.save({f"module.{name}": tensor for name, tensor in headless.items()}, tmp_path / "w.pth")
    save_file(headless, tmp_path / "w.safetensors")
    for path, kind in ((tmp_path / "w.pth", "state_dict"), (tmp_path / "w.safetensors", None)):
        found = read(own, path)
        assert found.kind == (kind or "safetensors")
        assert not [name for name in found.tensors if name.startswith(("head", "last", "unused"))]
        for name, tensor in found.tensors.items():
            torch.testing.assert_close(tensor, state[name], rtol=0, atol=0)


def test_weights_that_do_not_fit_are_refused(own: Path, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    state = state_of(own)
    del state["deep.weight"]
    torch.save(state, path)
    with pytest.raises(DreamError, match=r"w\.pth: not nets\.py:make: deep\.weight is missing"):
        read(own, path)
    torch.save(state_of(own) | {"deep.bias": torch.ones(5)}, path)
    with pytest.raises(DreamError, match=r"deep\.bias has the shape 5, expected 16"):
        read(own, path)
    torch.save(nn.Identity(), path)
    with pytest.raises(DreamError, match="none of them was run"):
        read(own, path)
    path.write_bytes(b"no weights")
    with pytest.raises(DreamError, match="neither a PyTorch state dict nor safetensors"):
        read(own, path)


MISTAKES = {
    "no file": ("none.py:make", "there is no file none.py"),
    "no module": ("nomodule.nets:make", "the module nomodule.nets cannot be imported"),
    "no module's name": ("a b:make", "'a b' is no module"),
    "no function": ("{own}:mak", "has no function 'mak': did you mean make"),
    "a function that fails": ("{own}:fails", r"cannot be called \(OSError: no disk\)"),
    "a function that returns something else": ("{own}:number", "returns int, not an nn.Module"),
    "a name of none": ("resnet55", "no network 'resnet55': did you mean resnet"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_no_network_is_one_line(own: Path, mistake: str) -> None:
    name, words = MISTAKES[mistake]
    with pytest.raises(DreamError, match=words) as raised:
        find_module(name.format(own=own))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ("head", r"head gives \[1, 3\], and a layer is"),
        ("gate", r"gate gives \[1, 16, 1, 1\], and a layer is"),
        ("unused", "unused gives nothing, for it is never called"),
        ("mixd", "has no layer 'mixd': did you mean mixed"),
    ],
)
def test_what_is_no_layer_is_one_line(own: Path, layer: str, words: str) -> None:
    with pytest.raises(DreamError, match=words):
        module_weights(find_module(f"{own}:make"), [layer], None)


def test_a_network_that_stops_says_where(own: Path) -> None:
    with pytest.raises(DreamError, match=r"stops at a picture of 224x224 .*ValueError: never"):
        module_architecture(find_module(f"{own}:stopping"))


def test_preprocessing_is_the_weights_own_or_given() -> None:
    assert find_module("alexnet").preprocessing == preprocessing()
    given = find_module("squeezenet1_1", mean=(0, 0, 0), std=(1, 1, 1)).preprocessing
    assert given.mean == (0, 0, 0)
    assert given.scale == pytest.approx((1 / 255,) * 3)


def test_torchvisions_weights_have_names() -> None:
    with pytest.raises(DreamError, match="no weights file IMAGENET1K_V2: did you mean IMAGENET1K"):
        module_weights(find_module("squeezenet1_1"), ["features"], "IMAGENET1K_V2")


def test_every_network_of_the_table_is_torchvisions() -> None:
    assert set(NETWORKS) <= set(torchvision_names())
    assert len(NETWORKS) >= 20
    assert set(NETWORKS) >= QUICK


# The smallest two; the others at night.
QUICK = frozenset({"mobilenet_v3_small", "squeezenet1_1"})


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in QUICK else pytest.mark.nightly)
        for name in NETWORKS
    ],
)
def test_the_gradient_is_autograds(name: str, tmp_path: Path) -> None:
    """1e-5, or 8 times PyTorch's own float32 error."""
    check(name, tmp_path)


def check(name: str, folder: Path) -> None:
    path = exported(name, [NETWORKS[name]], "seeded:0", folder)
    model = load_model(path, "cpu", 1)
    rows = verify(path, model.gradient, sizes=((97, 83),))
    row = next(rows)  # noise, and nudged where two activations are equal but for rounding
    assert row.gradient_error <= max(1e-5, TIMES_TORCH * row.torch_gradient_error), row
