"""The gradient of a large picture in tiles: their geometry, how large they are, their ascent."""
