"""What the verbs of the command line print and write, apart from the parsing of their options."""
