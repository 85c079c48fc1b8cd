"""A result file whose every string attacks the page that shows it."""

from __future__ import annotations

import json
from typing import Any

from synthetic_results import result

from ort_deepdream.measure.result import Result

ATTACK = (
    "\"'><script>window.hacked=1</script><img src=x onerror=window.hacked=1></script><!--"
    "{{7*7}}\u202e\u0000\u001b[2J&lt;b>"
)
NOT_PNG = "PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+"  # <svg onload=alert(1)>
# What is checked by the schema itself, or chooses what is measured.
KEPT = {
    "schema",
    "version",
    "created",
    "kind",
    "sha256",
    "files",
    "parts",
    "contender",
    "reference",
}


def hostile() -> Result:
    """Valid by the schema, and as bad as that allows."""
    data = result().model_dump(mode="json", by_alias=True)
    poisoned = {key: _poison(value) if key not in KEPT else value for key, value in data.items()}
    _rename(poisoned)
    poisoned["warnings"] = [ATTACK]
    for image in poisoned["images"]:
        image["png"] = NOT_PNG
    poisoned["series"][0]["samples"][0]["parts"] = {ATTACK: 1e9, "__proto__": 1e-300}
    poisoned["series"][0]["samples"][0]["seconds"] = 1e9
    poisoned["series"][1]["samples"][0]["seconds"] = 1e-9
    poisoned["machine"]["memory"] = 10**18
    return Result.model_validate_json(json.dumps(poisoned))


def _poison(value: Any) -> Any:
    if isinstance(value, str):
        return f"{ATTACK}{value}"[:190]
    if isinstance(value, list):
        return [_poison(one) for one in value]
    if isinstance(value, dict):
        return {key: one if key in KEPT else _poison(one) for key, one in value.items()}
    return value


def _rename(data: dict[str, Any]) -> None:
    """Contenders are named in many places, and the names must go on to fit."""
    names = {}
    for contender, original in zip(
        data["contenders"], ("cpu", "cpu, 1 thread", "cuda"), strict=True
    ):
        contender["name"] = names[original] = f"{ATTACK}{original}"
        contender["library"] = ATTACK
        contender["backend"] = "cuda" if original == "cuda" else "cpu"
    for kind in ("series", "checks", "operators", "limits", "images"):
        for record in data[kind]:
            record["contender"] = names.get(record["contender"])
