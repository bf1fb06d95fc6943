#!/usr/bin/env bash
# Archives of the project's command against the second reader. Needs the build, and Python 3.11.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=.venv/interop
wanted=test/interop/requirements.txt
if ! cmp -s "$wanted" "$venv/installed.txt"; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
  cp "$wanted" "$venv/installed.txt"
fi

# Another command can be given instead, which takes what interop.py says.
if [ $# -eq 0 ]; then set -- node bin/strongroom.js; fi
table="$(mktemp)"
trap 'rm -f "$table"' EXIT
node test/interop/table.ts > "$table"
"$venv/bin/python" -B test/interop/interop.py "$table" "$@"
