#!/bin/bash
# Does every range of a plan, one task each: docs/scale.md, "Slurm".
#SBATCH --job-name=strongroom-plan
#SBATCH --array=0-63%16
#SBATCH --cpus-per-task=2
#SBATCH --mem=3G
#SBATCH --time=06:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=strongroom-plan-%A_%a.log
set -euo pipefail

# The plan's --ranges is one more than the last index of the array.
: "${PLAN:?the plan: a path or s3://BUCKET/KEY}"
: "${WORKER_IDENTITY:?path of the key of a worker, of mode 0400}"
: "${AUTHOR_CARD:?path of the card of whoever made the plan}"

for attempt in 1 2 3; do
  status=0
  srun --ntasks=1 strongroom work --plan "$PLAN" --index "$SLURM_ARRAY_TASK_ID" \
    --identity "$WORKER_IDENTITY" --signer "$AUTHOR_CARD" --part-memory 2GiB --json || status=$?
  # Only what may pass is tried again: not a wrong option, a refusal, or a key that does not fit
  if [ "$status" -ne 1 ]; then break; fi
  sleep "$((attempt * 10))"
done
exit "$status"
