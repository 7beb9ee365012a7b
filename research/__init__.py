"""How the embedded networks were trained; uses the package as any user does."""
