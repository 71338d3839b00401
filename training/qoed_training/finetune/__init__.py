"""Fine-tuning on opinion, repeated over splits by content, and the paper's two ablations."""
