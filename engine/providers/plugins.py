"""Execution providers in libraries of their own, which ONNX Runtime is told of at run time.

A plug-in comes beside the ordinary ONNX Runtime, in a package of its own or as any other file; it
is registered once in a process, and then lists the devices that it can use. Where it has none, a
session would be on the CPU without a word, so there is a reason in one line instead.

Source: https://onnxruntime.ai/docs/execution-providers/plugin-ep-libraries/usage.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnxruntime

from ort_deepdream.errors import DreamError
from ort_deepdream.files import no_file
from ort_deepdream.text import clean

DEVICE_TYPE = "device_type"  # the provider option that chooses among a plug-in's devices

# Of this process, by the names they were registered with: devices or why there are none, and files.
_registered: dict[str, list[Any] | str] = {}
_files: dict[str, Path | None] = {}


@dataclass(frozen=True)
class Plugin:
    """A provider's plug-in: a package that is installed, or a file."""

    provider: str  # the name that it is registered with
    package: str = ""  # as pip knows it
    module: str = ""
    file: Path | None = None
    otherwise: str = ""  # what helps where it finds no device

    @property
    def is_there(self) -> bool:
        """Whether there is a file, or the package is installed."""
        return self.file is not None or find_spec(self.module) is not None

    @property
    def words(self) -> str:
        """What it is called in messages."""
        return str(self.file) if self.file is not None else f"the plug-in {self.package}"

    @property
    def library(self) -> str:
        """The name of its file or package, without folders."""
        return self.package if self.file is None else clean(self.file.name)

    @property
    def version(self) -> str | None:
        """Its package's version; of a file what its first device tells, if it tells any."""
        if self.file is None:
            from importlib import metadata  # takes as long as a step of a small dream

            return metadata.version(self.package)
        found = self._devices()
        told = "" if isinstance(found, str) else str(found[0].ep_metadata.get("version", ""))
        return clean(told) or None

    def why_not(self) -> str | None:
        """Return None when it has a device, else the reason in one line."""
        found = self._devices()
        return found if isinstance(found, str) else None

    def device(self, options: Mapping[str, str]) -> Any:
        """Return its device of the type in `options`, CPU, GPU or NPU; else the first one.

        Raise DreamError when there is none.
        """
        found = self._devices()
        if isinstance(found, str):
            raise DreamError(found)
        wanted = options.get(DEVICE_TYPE)
        fitting = [each for each in found if wanted in (None, each.device.type.name)]
        if not fitting:
            types = ", ".join(sorted({each.device.type.name for each in found}))
            raise DreamError(f"{self.words} has no device of type {wanted}; it has {types}")
        return fitting[0]

    def choose(
        self, session: onnxruntime.SessionOptions, provider_options: Mapping[str, str]
    ) -> None:
        """Have a session be on its device, with these options but for the device's type."""
        options = dict(provider_options)
        device = self.device(options)
        options.pop(DEVICE_TYPE, None)
        session.add_provider_for_devices([device], options)

    def _devices(self) -> list[Any] | str:
        taken = _files.get(self.provider, self.file)
        if taken != self.file:
            return f"{self.words}: {self.provider} is {taken} in this process; give it another name"
        if self.provider not in _registered:
            return self._register()
        return _registered[self.provider]

    def _register(self) -> list[Any] | str:
        """Register it and return its devices, or why there are none.

        What does not load is not registered: another file may then have the name.
        """
        before = len(onnxruntime.get_ep_devices())
        library = self.file
        try:
            library = library or import_module(self.module).get_library_path()
            onnxruntime.register_execution_provider_library(self.provider, str(library))
        except Exception as error:  # of ONNX Runtime's own kinds, or whatever a package raises
            return f"{self.words} does not load: {_reason(error, library)}"
        found = onnxruntime.get_ep_devices()[before:]
        no_device = f"{self.words} loads, but finds no device here that it can use"
        _files[self.provider] = self.file
        _registered[self.provider] = found or "; ".join(filter(None, (no_device, self.otherwise)))
        return _registered[self.provider]


def _reason(error: Exception, library: Path | str | None) -> str:
    """Return what the loader says, without its place in ONNX Runtime and the library's own."""
    text = clean(str(error)).rpartition(" with error: ")[2].rpartition(" : ")[2]
    return text.removeprefix(f"{library}: ")


def is_built_in(provider: str) -> bool:
    """Whether this ONNX Runtime has a provider without a plug-in."""
    return provider in onnxruntime.get_available_providers() and provider not in _registered


def own_name(file: Path) -> str:
    """Return what a library's provider is called where it is given no other name."""
    return clean(file.stem.removeprefix("lib"))


def require_library(file: Path) -> None:
    """Raise DreamError where there is no such file."""
    if not file.is_file():
        raise no_file(file, "name the library of a plug-in")


def plugin_of(file: Path, name: str) -> Plugin:
    """Return the plug-in in a library, registered with `name`, or with the file's if that is "".

    Raise DreamError when it does not load, or has no device here.
    """
    require_library(file)
    plugin = Plugin(name or own_name(file), file=file.resolve())
    reason = plugin.why_not()
    if reason is not None:
        raise DreamError(reason)
    return plugin
