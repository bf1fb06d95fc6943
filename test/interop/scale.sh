#!/usr/bin/env bash
# A plan, its queue and three workers, with faults: against a server that speaks S3 and a Redis.
# Needs the build, Python 3.11 and redis-server.
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/interop/environment.sh
environment store store-requirements.txt
STRONGROOM_REDIS=1 npx vitest run test/operations/plan/queue.test.ts
.venv/store/bin/python -B test/interop/scale.py node bin/strongroom.js
