#!/usr/bin/env bash
# Archives of the project's command against the second reader, and models that it signs against
# the reference implementation of Open Model Signing, both ways. Needs the build, and Python 3.11.
set -euo pipefail
cd "$(dirname "$0")/../.."

# A virtual environment with the packages of a list, made when the list has changed.
environment() {
  local venv=.venv/$1 wanted=test/interop/$2
  if ! cmp -s "$wanted" "$venv/installed.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
    cp "$wanted" "$venv/installed.txt"
  fi
}

# Another command can be given instead, which takes what the scripts say.
if [ $# -eq 0 ]; then set -- node bin/strongroom.js; fi
table="$(mktemp)"
trap 'rm -f "$table"' EXIT
node test/interop/table.ts > "$table"
environment interop requirements.txt
environment oms oms-requirements.txt
.venv/interop/bin/python -B test/interop/interop.py "$table" "$@"
.venv/oms/bin/python -B test/interop/oms.py "$@"
