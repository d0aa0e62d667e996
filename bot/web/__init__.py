"""The HTTP face of the bot."""
