"""A duel of two metrics as figures and a page, from the files of its four optimisations."""
