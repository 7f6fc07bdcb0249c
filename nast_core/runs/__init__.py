"""A recipe becomes a run: a folder that says what was asked, how it went, and what came out (design.md)."""
