#!/usr/bin/env bash
# lite, trained further on your own people: a folder with a folder of videos per person. Ends with an evaluation in OUT/evaluation.
#   OWN=DIR SQUEEZENET=FILE VERSION=1-own models/runs/own.sh      (DATA=DIR with a finished synthetic source mixes that in)
set -euo pipefail
: "${SQUEEZENET:?squeezenet10.npz: the perceptual loss}" "${VERSION:?version of the exported model}"
for name in OWN DATA OUT SQUEEZENET; do if [ -n "${!name:-}" ]; then printf -v "$name" %s "$(realpath -m "${!name}")"; fi; done
test -f "$SQUEEZENET" || { echo "$SQUEEZENET is missing: set SQUEEZENET to squeezenet10.npz, the perceptual loss" >&2; exit 1; }
cd "$(dirname "$0")/.."
PYTHON=${GIOCONDA_PYTHON:-python3}
OUT=${OUT:-runs/out/own} MINUTES=${MINUTES:-120}
DATA=${DATA:-$OUT/data}
mkdir -p "$DATA"
test -f "$DATA/own/index.json" || $PYTHON -m vid2vid.data.own_clips --clips "${OWN:?folder with a folder of videos per person}" --out "$DATA"
test -f "$DATA/own/plate.npy" || $PYTHON -m vid2vid.data.plates --root "$DATA" --sources own
SOURCES='{"own":1}'
test -f "$DATA/synthetic/index.json" && SOURCES='{"own":0.5,"synthetic":0.5}'
$PYTHON -m vid2vid.train --data "$DATA" --out "$OUT" --config runs/lite.json --start lite/weights-256.pt --minutes "$MINUTES" --set "data.sources=$SOURCES" learning_rate=2e-4 steps=100000 \
  --perceptual "$SQUEEZENET"
$PYTHON -m vid2vid.export --checkpoint "$OUT/last.pt" --data "$DATA" --version "$VERSION"
$PYTHON -m vid2vid.evaluate --model copy warp server:lite manifest.json:lite --data "$DATA" --sources own --k 1 --perceptual "$SQUEEZENET" --out "$OUT/evaluation"
