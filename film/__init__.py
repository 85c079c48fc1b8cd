"""Films: zooms into a photograph, and dreams on what a camera took, frame after frame."""
