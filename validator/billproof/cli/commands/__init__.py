"""One module a command, its options beside its action."""
