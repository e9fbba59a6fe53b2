#!/bin/bash
# As the entry point of the official postgres image: root becomes postgres; an empty data folder is set
# up with the user, password and database of the environment, or of files that it names, and with the
# scripts of docker-entrypoint-initdb.d, on a server that only its socket reaches.
set -euo pipefail

value() { # its name, and what it is otherwise
  local file=$1_FILE
  if [ -n "${!1:-}" ] && [ -n "${!file:-}" ]; then
    echo "$1 and $file are both set" >&2
    exit 1
  fi
  if [ -n "${!file:-}" ]; then cat "${!file}"; else echo "${!1:-${2:-}}"; fi
}

set_up() {
  local user password database script
  user=$(value POSTGRES_USER postgres)
  password=$(value POSTGRES_PASSWORD)
  database=$(value POSTGRES_DB "$user")
  test -n "$password" || { echo "set POSTGRES_PASSWORD" >&2; exit 1; }
  initdb --username="$user" --pwfile=<(echo "$password")
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
  local run=(psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc --username "$user")
  test "$database" = postgres || "${run[@]}" --dbname postgres -c "CREATE DATABASE \"$database\""
  for script in /docker-entrypoint-initdb.d/*; do
    case "$script" in
    *.sql) "${run[@]}" --dbname "$database" -f "$script" ;;
    *) echo "not imitated: $script" >&2; exit 1 ;;
    esac
  done
  pg_ctl -D "$PGDATA" -m fast -w stop
}

if [ "${1:-}" = postgres ]; then
  mkdir -p "$PGDATA"
  if [ "$(id -u)" = 0 ]; then
    chown -R postgres "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
  fi
  chmod 700 "$PGDATA" 2>/dev/null || :
  test -s "$PGDATA/PG_VERSION" || set_up
fi
exec "$@"
