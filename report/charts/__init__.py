"""What is drawn: for each chart its curves or bars, and the same numbers as a table."""
