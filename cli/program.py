"""The program: which command a line asks for, and what is said of a line that cannot be done."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from ort_deepdream import signals, streams
from ort_deepdream.cli.messages import NAME, complain
from ort_deepdream.cli.mistakes import picture_meant, refuse_one_dash, what_is_wrong
from ort_deepdream.cli.typed import is_photo
from ort_deepdream.errors import DreamError, nearest

USERS_MISTAKE = 2


class Commands(TyperGroup):
    """Commands by their names; mistakes name the command that they were made with."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that words ask for. Raise DreamError, with what was meant, for none."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            raise DreamError(f"there is no command '{args[0]}': {self.meant(ctx, args)}")
        found = super().resolve_command(ctx, args)
        refuse_one_dash(found[1], found[2])
        return found

    def meant(self, ctx: Any, args: list[str]) -> str:
        """Return what was meant by words whose first is no command."""
        if args[0] == "help":
            page = next((f" {word}" for word in args[1:2] if word in self.commands), "")
            return f"did you mean `{ctx.command_path}{page} --help`?"
        return nearest(args[0], self.commands, f"`{ctx.command_path} --help` lists them")

    def invoke(self, ctx: Any) -> Any:
        """Do what is asked for; an error about a command's options knows the command."""
        try:
            return super().invoke(ctx)
        except typer.TyperException as error:
            # An option without its value is raised without the command that it belongs to.
            name = ctx.invoked_subcommand
            if getattr(error, "ctx", ctx) is None and name in self.commands:
                vars(error)["ctx"] = type(ctx)(self.commands[name], info_name=name, parent=ctx)
            raise


class WeightsCommands(Commands):
    """What can be done with weights; a name of some is no command, but `get` takes it."""

    def meant(self, ctx: Any, args: list[str]) -> str:
        """Return what was meant: `get`, where the word is one of weights, or nearly."""
        from ort_deepdream.weights.catalogue import catalogue_rows

        names = [row.name for row in catalogue_rows()]
        others = nearest(args[0], names, super().meant(ctx, args))
        named = others.removeprefix("did you mean ").removesuffix("?")
        return f"did you mean `{ctx.command_path} get {named}`?" if named in names else others


class Program(Commands):
    """All commands: a photo is one to `run`, and what the user can mend is one line.

    Bugs keep their traceback.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command, which is `run` for a photo."""
        if args[0] not in self.commands and is_photo(args[0]):
            args = ["run", *args]
        return super().resolve_command(ctx, args)

    def meant(self, ctx: Any, args: list[str]) -> str:
        """Return what was meant: a photo whose name has spaces, or another command."""
        return picture_meant(args) or super().meant(ctx, args)

    def main(self, *words: Any, **options: Any) -> Any:
        """Do what the words ask for, and exit with the command's code."""
        options |= {"prog_name": NAME, "standalone_mode": False}
        try:
            code = super().main(*words, **options)  # a closed pipe, such as of `head`, exits with 1
        except Exception as error:
            if signals.received is not None:
                raise
            code = _explained(error)
        sys.exit(code if isinstance(code, int) else 0)


def _explained(error: Exception) -> int:
    """Say in one line what went wrong, and return the exit code. Raise again what is a bug."""
    if type(error).__name__ == "NoArgsIsHelpError":  # and the help is printed
        return USERS_MISTAKE
    if isinstance(error, streams.OutputError):
        streams.silence(sys.stdout)
        complain(f"the standard output cannot be written to ({error.strerror})")
    elif isinstance(error, DreamError):
        complain(str(error))
    elif isinstance(error, typer.TyperException):
        complain(what_is_wrong(error))
    elif isinstance(error, MemoryError):
        complain("there is not enough memory for this; close other programs, or ask for less")
    elif isinstance(error, OSError) and (refused := _refusal(error)):
        complain(refused)
    else:
        raise error
    return USERS_MISTAKE


def _refusal(error: OSError) -> str | None:
    from ort_deepdream.files import refusal

    return refusal(error)
