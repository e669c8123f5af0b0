"""Bytes to rows (CSV) and to typed trees (YAML)."""
