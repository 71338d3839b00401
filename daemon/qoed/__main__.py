"""`python -m qoed` is `qoed`."""

from qoed.cli.main import main

if __name__ == "__main__":
    main()
