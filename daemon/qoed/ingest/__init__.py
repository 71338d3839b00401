"""Continuous inputs: one child process for each receives, judges and cuts what never ends by itself."""
