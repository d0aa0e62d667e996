"""`python -m bot` is `meldpunt`."""

from bot.cli import main

if __name__ == "__main__":
    main()
