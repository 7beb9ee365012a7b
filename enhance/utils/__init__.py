"""Files, of weights too; suggestions; the machine and its precision."""
