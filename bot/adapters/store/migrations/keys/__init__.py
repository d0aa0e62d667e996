"""Steps of the key database."""
