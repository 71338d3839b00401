"""qoed_training: train, judge and export the quality network."""
