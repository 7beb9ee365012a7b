"""The results of a sweep's jobs, rebuilt from their folders: a table, a page and a contact sheet."""
