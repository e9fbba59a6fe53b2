#!/bin/sh
# As the entry point of valkey/valkey: options alone mean the server, which root starts as its user.
set -eu
case "$1" in -* | *.conf) set -- valkey-server "$@" ;; esac
if [ "$1" = valkey-server ]; then
  if [ "$(id -u)" = 0 ]; then
    chown -R valkey .
    exec setpriv --reuid=valkey --regid=valkey --clear-groups -- "$0" "$@"
  fi
  test -w . || { echo "the folder cannot be written by user $(id -u)" >&2; exit 1; }
  # The official server is compiled with this default.
  set -- "$@" --protected-mode no
fi
umask 0077
exec "$@"
