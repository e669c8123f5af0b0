"""Report v1 and its formats."""
