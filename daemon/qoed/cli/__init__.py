"""The `qoed` command."""
