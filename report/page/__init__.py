"""The report: everything of one result or of several on one page, or as Markdown."""
