"""Pretraining without labels (the seed method): videos, pretext samples, five losses, the loop.

Shape letters in tensor names: as in `qoed_training.network`, and V views (2N for N samples), F features.
"""
