#!/usr/bin/env bash
# Packs the committed state twice, from clones in different directories, and holds the tarballs to
# be the same to the byte. Also the check that nothing needs install scripts: `npm ci` runs none.
set -euo pipefail
# npm keeps the modes that it finds
umask 022
root="$(cd "$(dirname "$0")/.." && pwd)"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

pack() {
  (cd "$1" && npm run --silent build && npm pack --silent --ignore-scripts > /dev/null)
}

one="$scratch/one"
two="$scratch/a longer path/two"
git clone --quiet "$root" "$one"
git clone --quiet "$root" "$two"
(cd "$one" && npm ci --ignore-scripts --silent)
# The same packages, since it is our build that is compared
cp -r "$one/node_modules" "$two/node_modules"
pack "$one"
pack "$two"
tarball="$(cd "$one" && ls ./*.tgz)"
cmp "$one/$tarball" "$two/$tarball"
digest="$(sha256sum < "$one/$tarball")"
echo "${tarball#./} is the same from both clones: sha256 ${digest%% *}"
