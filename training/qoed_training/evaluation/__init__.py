"""The accuracy receipt: what the exported engine gets right on material it never learned from."""
