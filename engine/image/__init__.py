"""Pictures in and out: files of many kinds <-> float32 RGB arrays.

Reading brings every kind of picture to one form: RGB, float32, 0..255, upright. Writing is atomic:
a file is either written whole or left as it was. Every error that a user can mend is a `DreamError`
of one line.
"""

from ort_deepdream.engine.image.picture import Picture, levels
from ort_deepdream.engine.image.reading import read_metadata, read_picture
from ort_deepdream.engine.image.writing import check_writable, write_picture

__all__ = ["Picture", "check_writable", "levels", "read_metadata", "read_picture", "write_picture"]
