"""`python -m cnndsl` is `cnndsl`."""

from cnndsl.cli import run

if __name__ == "__main__":
    run()
