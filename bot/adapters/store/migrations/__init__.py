"""How the tables came to be: one folder of numbered steps for each database."""
