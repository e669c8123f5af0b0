"""How fast and how frugal the installed command is, beside the interpreter, `csv` and frictionless."""
