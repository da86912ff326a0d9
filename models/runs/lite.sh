#!/usr/bin/env bash
# The recipe of lite, from data to exported graphs. Each step is skipped where its result exists; training resumes where it stopped.
#   SHARED=DIR AVATARS=DIR DATA=DIR OUT=DIR MINUTES=110 VERSION=1 models/runs/lite.sh      (MORE, FLOW_MORE: settings, as for --set)
# SHARED holds makehuman/, portraits/, clips/, squeezenet/; AVATARS is a clone of c-frame/valid-avatars-glb (licences: models/lite/README.md). Python needs models/pyproject.toml's extra "train".
set -euo pipefail
: "${SHARED:?folder of the source data}" "${AVATARS:?clone of c-frame/valid-avatars-glb}" "${VERSION:?version of the exported model}"
for name in SHARED AVATARS DATA OUT SQUEEZENET START; do if [ -n "${!name:-}" ]; then printf -v "$name" %s "$(realpath -m "${!name}")"; fi; done
SQUEEZENET=${SQUEEZENET:-$SHARED/squeezenet/squeezenet10.npz}
test -f "$SQUEEZENET" || { echo "$SQUEEZENET is missing: set SQUEEZENET to squeezenet10.npz, the perceptual loss" >&2; exit 1; }
cd "$(dirname "$0")/.."
PYTHON=${GIOCONDA_PYTHON:-python3}
DATA=${DATA:-runs/out/data} OUT=${OUT:-runs/out/lite}
MINUTES=${MINUTES:-110} PEOPLE=${PEOPLE:-360} HELD_OUT=${HELD_OUT:-40} OUTFITS=${OUTFITS:-2} PROCESSES=${PROCESSES:-$(nproc)}
mkdir -p "$DATA" "$OUT"

have() { test -f "$DATA/$1/index.json"; }
have synthetic || $PYTHON -m vid2vid.data.synthetic --assets "$SHARED/makehuman" --out "$DATA/synthetic" --people "$PEOPLE" --held-out "$HELD_OUT" --processes "$PROCESSES"
have grid && have webcam && have smiles || $PYTHON -m vid2vid.data.real_clips --data "$SHARED" --out "$DATA"
have openpeople || $PYTHON -m vid2vid.data.openpeople --data "$SHARED" --out "$DATA"
have valid || $PYTHON -m vid2vid.data.valid --avatars "$AVATARS" --out "$DATA/valid" --outfits "$OUTFITS" --processes "$PROCESSES"
for source in portraits sfhq; do
  have "$source" || $PYTHON -m vid2vid.data.portraits --source "$source" --data "$SHARED" --donors "$DATA/synthetic" "$DATA/grid" "$DATA/openpeople" "$DATA/valid" --out "$DATA"
done

for source in synthetic valid grid smiles openpeople webcam portraits sfhq; do
  test -f "$DATA/$source/plate.npy" || $PYTHON -m vid2vid.data.plates --root "$DATA" --sources "$source"
done

# W alone first: seven minutes on two cores, and everything else learns on a picture that is already in its place.
if [ -z "${START:-}" ] && [ ! -f "$OUT/last.pt" ]; then
  test -f "$OUT/flow/done" || $PYTHON -m vid2vid.train --data "$DATA" --out "$OUT/flow" --config runs/flow.json --perceptual "$SQUEEZENET" ${THREADS:+--threads "$THREADS"} ${FLOW_MORE:+--set $FLOW_MORE}
  touch "$OUT/flow/done" && START=$OUT/flow/last.pt
fi
$PYTHON -m vid2vid.train --data "$DATA" --out "$OUT" --config runs/lite.json --minutes "$MINUTES" --perceptual "$SQUEEZENET" ${START:+--start "$START"} ${THREADS:+--threads "$THREADS"} ${MORE:+--set $MORE}
$PYTHON -m vid2vid.export --checkpoint "$OUT/last.pt" --data "$DATA" --version "$VERSION"
$PYTHON -m vid2vid.evaluate --model copy warp server:lite manifest.json:lite --data "$DATA" --perceptual "$SQUEEZENET" --out "$OUT/evaluation" --k 1,2,4,8 --frames 16 --drift-seconds 300
$PYTHON -m vid2vid.contact_sheet --model "$OUT/last.pt" --data "$DATA" --k 1 --film-seconds 10 --out "$OUT/contact"
$PYTHON -m vid2vid.contact_sheet --model "$OUT/last.pt" --data "$DATA" --k 4 --clip-seconds 0 --out "$OUT/contact-4"
