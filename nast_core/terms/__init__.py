"""A vocabulary of one's own: a first one from a table and its reports, and what is to be put right in it."""
