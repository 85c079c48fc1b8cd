"""The board: many results in one table, with a report for each."""
