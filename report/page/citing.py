"""How a result is cited: where and when it was measured, with what, and the file that has it."""

from __future__ import annotations

import hashlib

from ort_deepdream.report import words
from ort_deepdream.report.runs import Run

AUTHORS = "The ort-deepdream developers"
ADDRESS = "https://github.com/ort-deepdream/ort-deepdream"
# Characters that mean something to TeX, and how they are written.
WRITTEN = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "{}&%$#_"},
}


def citation(run: Run) -> str:
    """Return the entry of a run for BibTeX."""
    machine, sha256 = run.result.machine, hashlib.sha256(run.data).hexdigest()
    commit = f", commit {machine.commit}" if machine.commit else ""
    fields = {
        "author": f"{{{AUTHORS}}}",
        "title": tex(f"How fast is DeepDream? Measured on {run.title}"),
        "year": tex(run.result.created[:4]),
        "note": tex(
            f"measured on {run.day} by dream bench of ort-deepdream {machine.project}{commit}; "
            f"the result file has the SHA-256 {sha256}"
        ),
        "url": ADDRESS,
    }
    entries = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{ort-deepdream-{sha256[:8]},\n{entries}\n}}"


def tex(text: str) -> str:
    """Return text as TeX shows it, whatever it is made of."""
    return "".join(WRITTEN.get(character, character) for character in words.clean(text))
