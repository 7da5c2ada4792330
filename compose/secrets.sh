#!/bin/sh
# Makes the secrets of compose.yaml in the folder `secrets` beside it, those that are missing; none is ever changed.
# The files are readable, as containers of several users read them; their folder is yours alone.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
keep() { # keep NAME VALUE
    [ -s "secrets/$1" ] || printf '%s\n' "$2" > "secrets/$1"
    chmod 444 "secrets/$1"
}
keep postgres_password "$(random)"
keep camunda_password "$(random)"
keep grafana_password "$(random)"
keep gateway_token "$(random)"
keep link_secret "$(random)"
keep gateway_tokens "[\"$(cat secrets/gateway_token)\"]"
keep database_url "postgresql://fairlead:$(cat secrets/postgres_password)@postgres:5432/fairlead"
echo "The secrets are in $(pwd)/secrets. To sign in at the control room: secrets/gateway_token; at Tasklist: demo and secrets/camunda_password."
