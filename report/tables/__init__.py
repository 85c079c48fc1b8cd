"""What stands in rows and columns: figures beside one another, the machine, the checks."""
