"""python -m enhance."""

from enhance.cli import main

if __name__ == "__main__":
    main()
