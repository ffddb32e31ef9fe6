"""`python -m alframe` is the `alframe` command."""

from alframe.cli.main import main

if __name__ == "__main__":
    main()
