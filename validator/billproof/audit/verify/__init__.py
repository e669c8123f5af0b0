"""`billproof verify`: compares a report with its file, the rules and a signature, by repeating the check."""
