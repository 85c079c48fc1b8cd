"""`dream weights` and `dream backends`: what there is to choose from, here, or to fetch."""

from __future__ import annotations

from ort_deepdream.cli.messages import say, shown, table


def weights() -> None:
    """List the named weights."""
    from ort_deepdream.weights.catalogue import cache_folder, catalogue_rows

    made = table("name", "trained by", "licence", "MB", "top-1", "here", numbers=("MB", "top-1"))
    with shown(made):
        for row in catalogue_rows():
            made.add_row(
                row.name,
                row.source,
                row.licence,
                "" if row.size is None else f"{row.size / 1e6:.1f}",
                "" if row.top1 is None else f"{row.top1:.1f}%",
                "yes" if row.present else "no",
            )
    say(f"Downloaded files are kept in {cache_folder()}")


def get_weights(name: str) -> None:
    """Fetch the weights of this name, if they are not here, and say where they are."""
    from ort_deepdream.cli.sources import find_weights
    from ort_deepdream.weights.catalogue import find

    say(f"{name}: {find_weights(find(name).name)}")


def backends() -> None:
    """List the backends: for each its device, and whether a step works on it or why not."""
    import onnxruntime
    from rich.markup import escape

    from ort_deepdream.engine.backends import BACKENDS
    from ort_deepdream.engine.loading import find_backend
    from ort_deepdream.engine.probe import why_unusable

    made = table("name", "target", "device", "usable")
    best = find_backend("auto").name
    with shown(made):
        for backend in BACKENDS.values():
            reason = why_unusable(backend)
            usable = "yes" if reason is None else f"no: {escape(reason)}"
            if backend.name == best:
                usable += ", and what auto takes"
            made.add_row(backend.name, backend.target, backend.device or "", usable)
    say(
        f"onnxruntime {onnxruntime.__version__}: {', '.join(onnxruntime.get_available_providers())}"
    )
