"""Measurements of qoed: each module's docstring says what, against which reference, in which unit."""
