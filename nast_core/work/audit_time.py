"""What an audit will take here, told before it starts: a few texts, images and pairs are tried, and multiplied."""
