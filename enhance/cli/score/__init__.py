"""`task=score`: a pair, many pairs, two videos."""
