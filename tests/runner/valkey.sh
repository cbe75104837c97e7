#!/usr/bin/env bash
# Puts Valkey from Debian's backports into a folder of its own, and prints the folder of its programs:
#   PATH=$(tests/runner/valkey.sh):$PATH npm test -- tests/integration/scripts.test.ts
# It installs nothing. Its libraries are those of Debian's redis-server. Elsewhere it says why it cannot.
set -euo pipefail
. /etc/os-release 2>/dev/null || true
suite=${VERSION_CODENAME:-}
if [ "${ID:-}" != debian ] || ! command -v apt-get >/dev/null || ! command -v redis-server >/dev/null; then
  echo 'valkey.sh needs Debian with redis-server' >&2
  exit 1
fi
folder=${1:-${TMPDIR:-/tmp}/ringpost-valkey}
programs=$folder/root/usr/bin
if [ ! -x "$programs/valkey-server" ]; then
  mkdir -p "$folder"/{sources,state/lists/partial,cache/archives/partial,root}
  printf 'Types: deb\nURIs: http://deb.debian.org/debian\nSuites: %s-backports\nComponents: main\nSigned-By: %s\n' \
    "$suite" /usr/share/keyrings/debian-archive-keyring.gpg >"$folder/sources/backports.sources"
  options=(-qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$folder/sources"
    -o "Dir::State=$folder/state" -o "Dir::Cache=$folder/cache" -o Dir::State::status=/var/lib/dpkg/status)
  apt-get "${options[@]}" update >&2
  (cd "$folder" && apt-get "${options[@]}" download valkey-server valkey-tools >&2)
  for package in "$folder"/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
fi
"$programs/valkey-server" --version >&2
echo "$programs"
