"""The project's version; pyproject.toml reads it here.

To ask `importlib.metadata` for it takes as long as a step of a small dream.
"""

VERSION = "0.1.0"
