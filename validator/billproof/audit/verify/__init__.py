"""`billproof verify`: a report held against its file, the rules and a signature, by doing all of it again."""
