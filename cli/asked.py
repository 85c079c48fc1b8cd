"""Options that several commands have alike: each is a class, and its parameters are the options.

Nothing that makes something of them is imported before it is asked for: a command has a model
loaded meanwhile.
"""

import inspect
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ort_deepdream.cli.options import machines, models, pictures
from ort_deepdream.cli.options.expanding import Command, with_options
from ort_deepdream.errors import DreamError

if TYPE_CHECKING:
    from ort_deepdream.cli.machine import Machine
    from ort_deepdream.cli.products import Products
    from ort_deepdream.cli.sources import Request
    from ort_deepdream.cli.subject import Subject


class DreamOptions:
    """What a command dreams with: the model, the preset, and how it takes a photograph."""

    def __init__(
        self,
        layer: models.Layers = None,
        weights: models.Weights = None,
        model: models.Model = None,
        guide: models.Guide = None,
        guide_layer: models.GuideLayers = None,
        network: models.NetworkName = None,
        mean: models.NetworkMean = None,
        std: models.NetworkStd = None,
        preset: models.PresetName = None,
        size: pictures.PictureSize = None,
        scale: pictures.PictureScale = None,
        mask: pictures.Mask = None,
    ) -> None:
        self.layer, self.weights, self.model = layer, weights, model
        self.guide, self.guide_layer = guide, guide_layer
        self.network, self.mean, self.std = network, mean, std
        self.preset = preset or ""
        self.size, self.scale, self.mask = size, scale, mask

    def request(self) -> "Request":
        """Return the model that was asked for. Raise DreamError for what excludes each other."""
        from ort_deepdream.cli.networks import network
        from ort_deepdream.cli.sources import request

        chosen = network(self.network, self.mean, self.std)
        guided = self.guide is not None
        return request(
            self.model, self.weights, self.layer, self.preset, guided, self.guide_layer, chosen
        )

    def subject(self, photo: Path) -> "Subject":
        """Return a photograph as it is to be taken. Raise DreamError for what excludes each other.

        Of a folder with photographs, all of them.
        """
        from ort_deepdream.cli.subject import Subject

        return Subject(photo, self.size, self.scale, self.mask, self.guide)


class MachineOptions:
    """Where a command runs."""

    def __init__(
        self,
        backend: machines.BackendName = "auto",
        threads: machines.Threads = None,
        provider_option: machines.ProviderOptions = None,
        provider_library: machines.ProviderLibrary = None,
        precision: machines.ComputedIn = "float32",
        allow_cpu_nodes: machines.AllowCpuNodes = False,
    ) -> None:
        self.backend, self.threads, self.precision = backend, threads, precision
        self.provider_option, self.provider_library = provider_option, provider_library
        self.allow_cpu_nodes = allow_cpu_nodes

    def machine(self) -> "Machine":
        """Return the options as they are used."""
        from ort_deepdream.cli.machine import Machine

        provider = tuple(self.provider_option or ())
        return Machine(
            self.backend,
            self.threads,
            provider,
            self.allow_cpu_nodes,
            self.provider_library,
            self.precision,
        )


class ProductOptions:
    """What is written of a dream on one photograph."""

    def __init__(
        self,
        output: pictures.PictureOutput = None,
        force: pictures.Force = False,
        save_octaves: pictures.SaveOctaves = False,
        preview: pictures.Preview = None,
        animate: pictures.Animate = None,
        compare: pictures.CompareOutput = None,
        open_picture: pictures.OpenPicture = False,
    ) -> None:
        self.output, self.force, self.save_octaves = output, force, save_octaves
        self.preview, self.animate, self.compare = preview, animate, compare
        self.open_picture = open_picture

    def products(self) -> "Products":
        """Return the options as they are used."""
        from ort_deepdream.cli.products import Products

        return Products(
            self.output,
            self.force,
            self.save_octaves,
            self.preview,
            self.animate,
            self.compare,
            self.open_picture,
        )

    def refuse_for_several(self) -> None:
        """Raise DreamError for what is of one photograph, where there are several."""
        typed = {**vars(self), "force": False}
        for name, value in typed.items():
            if value:
                flag = "open" if name == "open_picture" else name.replace("_", "-")
                raise DreamError(
                    f"--{flag} is for one photo, and there are several; leave it out, or dream on "
                    f"them one by one (`dream folder` puts many dreams into a folder)"
                )


def with_groups(command: Command) -> Command:
    """Give a command the options of each of these classes that one of its parameters is of."""
    for parameter in inspect.signature(command).parameters.values():
        if parameter.annotation in (DreamOptions, MachineOptions, ProductOptions):
            group = parameter.annotation
            command = with_options(parameter.name, group, _options_of(group))(command)
    return command


@cache
def _options_of(group: type) -> list[inspect.Parameter]:
    return [
        option.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for option in inspect.signature(group).parameters.values()
    ]
