"""``python -m facecurate``."""

from facecurate.cli import main

if __name__ == "__main__":
    main()
