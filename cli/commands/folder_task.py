"""One picture of a folder, dreamt in a worker that has the model already."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from ort_deepdream.cli.crew.work import Task, Work, noted
from ort_deepdream.engine.model import Model
from ort_deepdream.files import writing


@dataclass(frozen=True)
class Dreaming(Work[Task]):
    """What all pictures of a folder are dreamt with. `subject` names the folder as its photo."""

    def key_of(self, photo: Path) -> str:
        """Return the key of a picture's task, "" when it cannot be read."""
        try:
            # Not what is no file: opening a pipe waits for who writes to it.
            content = sha256_of(photo) if photo.is_file() else ""
        except OSError:
            return ""
        return hashlib.sha256(f"{self.key} {content}".encode()).hexdigest() if content else ""

    def dream(self, model: Model, task: Task) -> list[str]:
        """Dream on a picture as `dream run` does, and return the notes. Raise DreamError."""
        from ort_deepdream.cli.commands import photo
        from ort_deepdream.cli.products import Products

        with writing(task.output.parent):
            task.output.parent.mkdir(parents=True, exist_ok=True)
        with noted() as notes:
            photo.run(
                replace(self.subject, photo=task.photo),
                self.wanted,
                self.settings,
                self.machine,
                self.tiles,
                Products(task.output),
                lambda: model,
                self.key_of(task.photo),
            )
        return notes


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file. Raise OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
