"""What `import engine` offers."""

from __future__ import annotations

import pytest

import engine


@pytest.mark.parametrize("name", engine.__all__)
def test_every_public_name_is_there(name):
    assert getattr(engine, name) is not None


def test_another_name_is_an_error_that_names_it():
    with pytest.raises(AttributeError, match="module 'engine' has no attribute 'daydream'"):
        engine.daydream  # noqa: B018
