"""What a sweep's jobs came to, rebuilt from their folders: a table, a page and a contact sheet."""
