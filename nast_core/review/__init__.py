"""People who judge items: their judgements, how far they agree, and what is accepted (NAST sec.
3: two radiologists)."""
