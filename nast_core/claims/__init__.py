"""Contextual clinical negation: structured claims, and statements that contradict them in one attribute."""
