"""Repairs: a model that reads denials better without being trained, and is a model (method.md section 8)."""
