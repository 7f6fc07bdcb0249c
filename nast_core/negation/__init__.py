"""Negation in radiology text: cues, phrases, polarity pairs and their alignment."""
