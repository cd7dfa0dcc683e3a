"""The command line: one module a command family, nothing but parsing and printing."""
