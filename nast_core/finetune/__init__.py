"""Fine-tuning of text towers, each layer at its own rate: data, loss, loop, adapters, export."""
