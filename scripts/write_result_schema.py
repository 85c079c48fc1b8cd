"""Write docs/result.schema.json from the model that reads result files (measure/result.py).

    python -m scripts.write_result_schema

The schema says what a file of this version looks like; of the fields of newer minor versions it
knows nothing and allows them. What holds between fields is told in docs/result-file.md only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from ort_deepdream.measure.result import VERSION, Result

PATH = Path(__file__).parents[1] / "docs" / "result.schema.json"


class WithoutTitles(GenerateJsonSchema):
    """The generator of pydantic, without titles that repeat the names of fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return False for every field."""
        return False


def result_schema() -> dict[str, Any]:
    """Return the JSON Schema of a result file."""
    made = Result.model_json_schema(by_alias=True, schema_generator=WithoutTitles)
    for record in (made, *made["$defs"].values()):
        del record["additionalProperties"]  # what a newer minor version adds
    made["required"] = ["schema", "version", *made["required"]]  # which the model has defaults for
    made["title"] = f"Result file of `dream bench`, version {VERSION}"
    return {"$schema": GenerateJsonSchema.schema_dialect, **made}


def content() -> str:
    """Return the text of docs/result.schema.json."""
    return json.dumps(result_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(content(), "utf-8", newline="\n")
