#!/usr/bin/env bash
# Puts Valkey 8.1 or Redis 8 of Debian 13 into a folder of its own, and prints the folder of its programs:
#   PATH=$(tests/runner/other-redis.sh valkey):$PATH npm test -- tests/integration/scripts.test.ts
#   PATH=$(tests/runner/other-redis.sh redis):$PATH npm test -- tests/integration/scripts.test.ts
# It installs nothing. The program runs with the C library of its own folder, so an older Debian will do.
# Elsewhere, or without the network, it says why it cannot, and ends with 3.
set -euo pipefail
suite=trixie
name=${1:-valkey}
folder=${TMPDIR:-/tmp}/ringpost-$name-$suite
programs=$folder/programs
cannot() {
  echo "$name of Debian $suite cannot be had here: $1" >&2
  exit 3
}
case $name in valkey | redis) ;; *) echo 'usage: other-redis.sh valkey|redis' >&2; exit 2 ;; esac
if [ ! -x "$programs/$name-server" ]; then
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null || [ ! -f "$keys" ]; then
    cannot 'apt-get, dpkg-deb and the keys of Debian are needed'
  fi
  # The one from which this machine has its own packages.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/*$') ||
    cannot 'apt knows no mirror of Debian'
  rm -rf "$folder"
  mkdir -p "$folder"/{sources,state/lists/partial,cache/archives/partial,root,programs}
  : >"$folder/status"
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
    "$mirror" "$suite" "$keys" >"$folder/sources/debian.sources"
  # As on a machine without any package, so that all libraries are among the packages.
  options=(-qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$folder/sources"
    -o "Dir::State=$folder/state" -o "Dir::Cache=$folder/cache" -o "Dir::State::status=$folder/status"
    -o APT::Install-Recommends=false -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update >&2 || cannot 'apt-get update failed'
  apt-get "${options[@]}" --yes --download-only install "$name-server" >&2 || cannot 'a download failed'
  for package in "$folder"/cache/archives/{lib,lua,"$name"}*.deb; do
    if [ -e "$package" ]; then dpkg-deb -x "$package" "$folder/root"; fi
  done
  rm -rf "$folder/cache" "$folder/state"
  loader=$(find "$folder/root" -name 'ld-linux-*.so.*' | head -n 1)
  libraries=$(dirname "$(find "$folder/root" -name 'libc.so.6' | head -n 1)")
  program=$(find "$folder/root/usr/bin" -name "$name-check-rdb" -o -name "$name-server" -type f | head -n 1)
  if [ -z "$loader" ] || [ -z "$program" ]; then cannot 'its packages lack a program'; fi
  # The program decides by its name what it does.
  printf '#!/bin/sh\nexec %s --argv0 %s-server --library-path %s %s "$@"\n' \
    "'$loader'" "$name" "'$libraries'" "'$program'" >"$programs/$name-server"
  chmod +x "$programs/$name-server"
fi
"$programs/$name-server" --version >&2 || cannot 'it does not run'
echo "$programs"
