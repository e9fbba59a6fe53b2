#!/bin/sh
# A stand-in for the image's base where no registry is reached: Debian bookworm with its Python 3.11,
# from Debian's own packages. Not for production: it is larger, and nobody scans it.
#
#     deploy/check/stand_in_base.sh podman localhost/python
#
# Needs root and debootstrap.
set -eu
engine=$1
name=$2
command -v debootstrap >/dev/null || {
  echo "debootstrap is missing: apt-get install -y debootstrap" >&2
  exit 1
}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv bookworm "$root" >"$root.log" ||
  { tail -n 5 "$root.log" >&2; exit 1; }
rm -f "$root.log"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
ln -s ../../bin/python3 "$root/usr/local/bin/python"
tar -C "$root" -c . | "$engine" import - "$name"
