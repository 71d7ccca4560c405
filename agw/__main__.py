"""`python -m agw` is `agw`."""

from agw.cli import main

if __name__ == "__main__":
    main()
