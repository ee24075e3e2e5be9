#!/bin/sh
# Makes the role that the hub reads and writes rows by; it owns nothing. Run by Postgres' image in an empty data folder.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$POSTGRES_HUB_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'END'
create role sunakku_hub login password :'password';
END
