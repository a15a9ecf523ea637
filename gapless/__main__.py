"""The ``gapless`` command, also as ``python -m gapless``."""

from __future__ import annotations

import sys

from gapless.harness import missing


def main() -> None:
    """Run the command. Exits with code 2 when the parts of the harness are not installed."""
    problem = missing()
    if problem is not None:
        sys.stderr.write(f"error: {problem}\n")
        sys.exit(2)
    from gapless.scenarios.cli.main import main as command

    command()


if __name__ == "__main__":
    main()
