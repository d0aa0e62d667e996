"""Meldpunt: the bot that runs a vulnerability disclosure desk."""
