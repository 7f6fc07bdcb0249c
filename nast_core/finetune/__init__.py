"""Fine-tuning the text tower. So far: LoRA adapters on it, attached, saved, reloaded and merged."""
