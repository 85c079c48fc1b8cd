"""What asv's results lack, in a JSON file beside them: the environment, and the reasons for skips.

It is .asv/sidecar/MACHINE/COMMIT-PROFILE.json next to asv.conf.json: within asv's own folder of
results asv would take it for one of them. Each run of a commit starts it anew.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from benchmarks import machine
from benchmarks.profiles import PROFILE, PROFILES

SCHEMA = "ort-deepdream/asv-sidecar"
VERSION = 1
BUSY = 0.5  # load above which timings are not to be trusted


def path() -> Path:
    root = Path(os.environ.get("ASV_CONF_DIR") or Path(__file__).parents[1])
    commit = os.environ.get("ASV_COMMIT", "existing")[:8]
    return root / ".asv" / "sidecar" / platform.node() / f"{commit}-{PROFILE.name}.json"


def begin(backends: Mapping[str, str | None]) -> None:
    """Write down the environment; `backends` says of each why it cannot be used, or None."""
    facts = machine.describe()
    write(
        {
            "schema": SCHEMA,
            "version": VERSION,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": os.environ.get("ASV_COMMIT"),
            "environment": os.environ.get("ASV_ENV_NAME"),
            "profile": PROFILE.name,
            **facts,
            "backends": dict(backends),
            "left_out": left_out(),
            "warnings": warnings(facts),
            "skipped": [],
        }
    )


def left_out() -> list[str]:
    """What the profile does not even try."""
    full = PROFILES["full"]
    reason = f"not in the profile {PROFILE.name}"
    missing = [
        *(f"backend {name}" for name in full.backends if name not in PROFILE.backends),
        *(f"steps at {side} pixels" for side in full.sizes if side not in PROFILE.sizes),
        *(f"dreams at {side} pixels" for side in full.dreams if side not in PROFILE.dreams),
        *([] if PROFILE.compiled else ["torch.compile"]),
    ]
    return [f"{thing}: {reason}" for thing in missing]


def warnings(facts: Mapping[str, object]) -> list[str]:
    load = facts["load"]
    if isinstance(load, float) and load > BUSY:
        return [f"load average {load:.1f} at the start: other processes took part"]
    return []


def skip(benchmark: str, parameters: Mapping[str, object], reason: str) -> NoReturn:
    """Write down why, and raise what asv takes for a skip."""
    content = read()
    entry = {"benchmark": benchmark, "parameters": dict(parameters), "reason": reason}
    if entry not in content["skipped"]:  # each round comes by here
        content["skipped"].append(entry)
        write(content)
    raise NotImplementedError(reason)


def read() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path().read_text("utf-8"))
    return content


def write(content: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    target = path()
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_suffix(f".{os.getpid()}.tmp")
    beside.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    beside.replace(target)
