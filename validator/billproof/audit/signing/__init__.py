"""Attestations: what is signed, how it is wrapped, and the keys."""
