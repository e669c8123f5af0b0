"""`billproof sandbox`: a server for trying uploads. Its paths are its own; nothing about Pelanor's API follows from them."""
