"""What a dataset speaks of: its conditions, the words for them, and the words that deny."""
