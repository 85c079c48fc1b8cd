"""The options of a dream's loop, which follow from its settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, replace
from functools import cache, partial
from typing import Annotated, Any, get_args

import typer

from ort_deepdream.cli.options.expanding import Command, with_options
from ort_deepdream.cli.options.folders import FOLDER_SEED
from ort_deepdream.cli.options.headings import KEPT, LOOP, MOTION, PART
from ort_deepdream.cli.typed import number, numbers, one_of
from ort_deepdream.engine.presets import PRESETS
from ort_deepdream.engine.settings import Limits, Settings, as_typed, chosen, off_by_default
from ort_deepdream.engine.visualise.settings import VisualiseSettings
from ort_deepdream.errors import DreamError
from ort_deepdream.film.settings import FilmSettings, ZoomSettings


def with_loop_settings(*names: str, **defaults: Any) -> Callable[[Command], Command]:
    """Give a command an option for each loop setting, where its parameter `settings` stands.

    With names, for those alone; `defaults` are this command's own. It is called with the Settings
    that were typed. They raise DreamError when out of range.
    """
    return with_options(
        "settings",
        partial(_made, Settings),
        [
            _loop_option(setting, defaults.get(setting.name, setting.default))
            for setting in fields(Settings)
            if not names or setting.name in names
        ],
    )


def with_visualise_settings(command: Command) -> Command:
    """Give a command an option for each setting of a visualisation, as `with_loop_settings`."""
    loop = [_loop_option(setting, setting.default) for setting in fields(VisualiseSettings)]
    return with_options("settings", partial(_made, VisualiseSettings), loop)(command)


def with_zoom_settings(command: Command) -> Command:
    """Give a command an option for each setting of a zoom, where its parameter `motion` stands."""
    loop = [_loop_option(setting, setting.default, MOTION) for setting in fields(ZoomSettings)]
    return with_options("motion", partial(_made, ZoomSettings), loop)(command)


def with_film_settings(command: Command) -> Command:
    """Give a command an option for each setting of a film, where its parameter `film` stands."""
    loop = [
        _loop_option(setting, setting.default, PART if setting.name == "every" else MOTION)
        for setting in fields(FilmSettings)
    ]
    return with_options("film", partial(_made, FilmSettings), loop)(command)


def _made(kind: type[Any], **typed: Any) -> Any:
    """Return settings of a kind; None stands for a default."""
    return kind(**{name: value for name, value in typed.items() if value is not None})


class LoopSettings:
    """The settings for a picture of a height and width: as typed, or a preset's beside those."""

    # Neither a dataclass nor a lambda: it costs nothing at a start, and travels to workers.

    def __init__(self, settings: Settings, preset: str, typed: dict[str, Any]) -> None:
        self.settings, self.preset, self.typed = settings, preset, typed

    def __call__(self, height: int, width: int) -> Settings:
        """Return the settings for a picture of this height and width, in pixels."""
        if not self.preset:
            return self.settings
        return PRESETS[self.preset].settings(height, width, self.typed)

    def choice(self) -> list[Any]:
        """Return what decides them, as JSON can hold it, whatever the picture's size."""
        if not self.preset:
            return [chosen(self.settings)]
        preset = PRESETS[self.preset]
        return [{**preset.changed}, preset.smallest, self.typed]


def settings_for(context: typer.Context, settings: Settings, preset: str) -> LoopSettings:
    """Return what gives the settings for a picture of a height and width.

    Of a preset they are those that were not typed. Raise DreamError for what excludes each other.
    """
    sources = {one.name: context.get_parameter_source(one.name) for one in fields(settings)}
    typed = [name for name, source in sources.items() if source and source.name == "COMMANDLINE"]
    for name in ("octaves", "octave_scale"):
        if name in typed and "octave_sizes" in typed:
            raise DreamError(f"--octave-sizes and --{as_typed(name)} exclude each other")
    had = {name: getattr(settings, name) for name in sorted({*typed, "seed"})}
    return LoopSettings(settings, preset, had)


def same_seed(context: typer.Context, settings: Settings) -> Settings:
    """Return the settings with the seed of many pictures, where none was typed."""
    source = context.get_parameter_source("seed")
    typed = source is not None and source.name == "COMMANDLINE"
    return settings if typed else replace(settings, seed=FOLDER_SEED)


@cache  # several commands have it
def _loop_option(setting: Field[Any], default: Any, heading: str = "") -> inspect.Parameter:
    """Return the option of a loop setting; None stands for a default that a function gives."""
    made, set_here = default is MISSING, default is not setting.default
    kind: Any = setting.type
    several = get_args(kind)
    option = typer.Option(
        *_flags(setting),
        **_reading(setting, several[0] if several else kind),
        help=setting.metadata["help"],
        show_default=(not set_here and setting.metadata["shown_default"])
        or not off_by_default(setting),
        # The two names of a switch would leave the words of the others no room.
        rich_help_panel=heading or (KEPT if kind is bool else LOOP),
    )
    return inspect.Parameter(
        setting.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None if made else default,
        # A parser makes the tuple of one word; Typer would take as many words as it has types.
        annotation=Annotated[Any if several else kind | None if made else kind, option],
    )


def _flags(setting: Field[Any]) -> tuple[str, ...]:
    name = as_typed(setting.name)
    return (f"--{name}/--no-{name}",) if setting.type is bool else (f"--{name}",)


def _reading(setting: Field[Any], kind: type) -> dict[str, Any]:
    """Return how an option's word is read and what stands for it in the help."""
    limits, unit = setting.metadata["limits"], setting.metadata["unit"]
    flag = f"--{as_typed(setting.name)}"
    if limits is None:
        return {}
    if not isinstance(limits, Limits):
        return {"metavar": "NAME", "parser": one_of(limits, flag, setting.default)}
    metavar = (unit or ("N" if kind is int else "X")).upper()
    if get_args(setting.type):
        return {"metavar": f"{metavar},...", "parser": numbers(kind, flag, limits)}
    return {"metavar": metavar, "parser": number(kind, flag, limits)}
