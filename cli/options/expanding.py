"""One parameter of a command in place of which it has options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

Command = Callable[..., None]


def with_options(
    name: str, make: Callable[..., Any], options: Sequence[inspect.Parameter]
) -> Callable[[Command], Command]:
    """Give a command options where its parameter `name` stands, and call it with what they make."""

    def with_them(command: Command) -> Command:
        signature = inspect.signature(command)
        parameters: list[inspect.Parameter] = []
        for parameter in signature.parameters.values():
            parameters += options if parameter.name == name else [parameter]

        @wraps(command)
        def called(**values: Any) -> None:
            typed = {option.name: values.pop(option.name) for option in options}
            command(**values, **{name: make(**typed)})

        vars(called)["__signature__"] = signature.replace(parameters=parameters)
        return called

    return with_them
