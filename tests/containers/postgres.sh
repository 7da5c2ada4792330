#!/bin/sh
# What postgres' own image does of POSTGRES_USER, POSTGRES_DB and POSTGRES_PASSWORD_FILE.
set -eu
data=/var/lib/postgresql/18/docker
if [ ! -s "$data/PG_VERSION" ]; then
    mkdir -p "$data" && chmod 700 "$data"
    initdb -D "$data" --username "$POSTGRES_USER" --pwfile "$POSTGRES_PASSWORD_FILE" --auth scram-sha-256 --encoding UTF8 \
        --locale-provider builtin --builtin-locale C.UTF-8
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$data" postgres
fi
exec postgres -D "$data" -c listen_addresses=127.0.0.1 -c unix_socket_directories=
