"""What is drawn from the files of a run: figures, animation, charts, pages."""
