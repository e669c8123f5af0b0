"""Rule files, their loader, and the kinds of check."""
