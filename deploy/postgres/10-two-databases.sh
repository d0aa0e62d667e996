#!/bin/sh
# Makes the two databases of a desk, each with a role of its own: what is sealed, and the keys that open it.
# Names and passwords are those of the bot's own addresses, postgresql+psycopg://ROLE:PASSWORD@HOST/DATABASE.
set -eu
folder=${SECRETS:-/run/secrets}

part() { # which part of the address in which secret
  value=$(sed -nE "s#^[a-z+]+://([^:/@]+):([^:/@]+)@[^/@]+/([^/?]+).*\$#\\$2#p" "$folder/$1")
  [ -n "$value" ] || { echo "$folder/$1 is not postgresql+psycopg://ROLE:PASSWORD@HOST/DATABASE" >&2; exit 1; }
  printf '%s' "$value"
}

for address in MELDPUNT_DATABASE_URL MELDPUNT_KEYS_URL; do
  role=$(part "$address" 1) password=$(part "$address" 2) database=$(part "$address" 3)
  psql --set=ON_ERROR_STOP=1 --quiet --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set=role="$role" --set=password="$password" --set=database="$database" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"role" TEMPLATE template0 ENCODING 'UTF8';
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
SQL
done
