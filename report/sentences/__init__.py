"""What the measurements say in words: the answer, and what to know before one believes it."""
