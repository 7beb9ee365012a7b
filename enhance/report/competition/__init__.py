"""The page of a competition: pairs that one metric calls equal and people do not."""
