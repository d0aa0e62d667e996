"""The SQL store: tables, migrations, sealing and queries."""
