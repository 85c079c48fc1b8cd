"""Build the page that dreams in a browser, for any server of files, at any path.

    python -m scripts.build_web -o site/web
    python -m http.server -d site     # and open http://localhost:8000/web/

ONNX Runtime Web is fetched into the cache, once, and checked. The folder must not be there yet, or
be one that this script made.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ort_deepdream.errors import DreamError
from ort_deepdream.files import replacing_folder, writing
from ort_deepdream.web.runtime import fetch_runtime
from ort_deepdream.web.site import RELEASE, build


def build_web(output: Path) -> int:
    """Build the page in `output`, replacing one that was there; return its size in bytes.

    Raise DreamError when the folder is something else or cannot be written, or ONNX Runtime Web
    cannot be fetched. Nothing has changed then.
    """
    if output.exists() and not (output / RELEASE).is_file():
        raise DreamError(f"{output}: is there and not made by this script; name another folder")
    runtime = fetch_runtime()
    with writing(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        with replacing_folder(output) as made:
            return build(made, runtime)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="the page's folder")
    output = parser.parse_args(arguments).output
    try:
        size = build_web(output)
    except DreamError as error:
        print(f"build_web: error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    print(f"{output}: {size / 1e6:.1f} MB, open it through a server")


if __name__ == "__main__":
    main()
