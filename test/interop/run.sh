#!/usr/bin/env bash
# What the project writes against second readers: logs in Go, archives in Python; and models that
# it signs against the reference implementation of Open Model Signing, both ways; archives in an
# object store, with a server that speaks S3; and what it serves against the clients that load
# models, which is also told in one story, from sealing to the model's own runtime. Needs the build, Python 3.11, and for logs Go 1.26.
set -euo pipefail
cd "$(dirname "$0")/../.."

if command -v go > /dev/null; then
  logs=$(mktemp -d)
  (cd test/interop/ledger && go build -o "$logs/check" .)
  for size in 2 255 256 257 70001; do
    mkdir "$logs/$size"
    node test/interop/ledger/make.ts "$logs/$size" "$size"
    "$logs/check" "$logs/$size"
  done
  rm -r "$logs"
else
  echo 'SKIPPED: logs against golang.org/x/mod/sumdb/tlog, since there is no Go here' >&2
fi

. test/interop/environment.sh

# Another command can be given instead, which takes what the scripts say.
if [ $# -eq 0 ]; then set -- node bin/strongroom.js; fi
table="$(mktemp)"
trap 'rm -f "$table"' EXIT
node test/interop/table.ts > "$table"
environment interop requirements.txt
environment oms oms-requirements.txt
environment store store-requirements.txt
environment deploy deploy-requirements.txt
.venv/interop/bin/python -B test/interop/vectors.py
.venv/interop/bin/python -B test/interop/interop.py "$table" "$@"
.venv/oms/bin/python -B test/interop/oms.py "$@"
.venv/store/bin/python -B test/interop/store.py "$@"
.venv/deploy/bin/python -B test/interop/deploy.py "$@"
.venv/deploy/bin/python -B test/interop/recipes.py "$@"
.venv/deploy/bin/python -B test/interop/story.py "$PWD/.venv/store/bin/moto_server" "$@"
