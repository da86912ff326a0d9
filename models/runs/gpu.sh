#!/usr/bin/env bash
# Trains on a borrowed GPU machine that has Python with PyTorch but no network, ten minutes at a time. Runs add up.
#
#   SHARED=DIR models/runs/gpu.sh pack            here: everything the other machine needs into models/runs/out/gpu (at most 64 MiB with the repository)
#   OUT=DIR models/runs/gpu.sh run                there: renders, unpacks, resumes, trains, evaluates; leaves files of at most 16 MiB in OUT
#   models/runs/gpu.sh take DIR                   here: the checkpoint that came back becomes the start of the next run
#
# SECONDS_IN_ALL bounds the run (default 570). PEOPLE, PROCESSES, MORE (settings, as for --set) make a rehearsal on a CPU small.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${GIOCONDA_PYTHON:-python3}
KIT=${KIT:-runs/out/gpu}
LANDMARKER=${LANDMARKER:-$HOME/.cache/gioconda/landmarker}

pack() {
  local shared=${SHARED:?folder of the source data}
  mkdir -p "$KIT/wheels" && rm -rf "$KIT/makehuman"
  $PYTHON -m vid2vid.data.slim_assets --assets "$shared/makehuman" --out "$KIT/makehuman"
  tar -C "$KIT" -cJf "$KIT/makehuman.tar.xz" makehuman && rm -rf "$KIT/makehuman"
  mkdir -p "$KIT/landmarker" && cp "$(ls -t "$LANDMARKER"/landmarker-mesh-*.onnx | head -1)" "$(ls -t "$LANDMARKER"/landmarker-detector-*.onnx | head -1)" "$KIT/landmarker/"
  cp "$shared/squeezenet/squeezenet10.npz" "$KIT/"
  if [ -n "${DATA:-}" ]; then $PYTHON -m vid2vid.data.pack --data "$DATA" --sources portraits smiles grid webcam --out "$KIT/real.npz"; fi
  $PYTHON -m pip download -q --no-deps --only-binary=:all: --python-version "${TARGET_PYTHON:-3.12}" --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 -d "$KIT/wheels" moderngl glcontext
  if [ -n "${START:-}" ]; then $PYTHON -m vid2vid.checkpoint lighten "$START" "$KIT/start.pt"; fi
  du -ch "$KIT" | tail -1
}

run() {
  local out=${OUT:?folder for results} began=$SECONDS limit=${SECONDS_IN_ALL:-570}
  local work=${WORK:-$(mktemp -d)} processes=${PROCESSES:-$(nproc)}
  local data=$work/data
  mkdir -p "$data" "$out"
  export PYTHONUNBUFFERED=1 PYTHONPATH=$work/site
  if ! $PYTHON -c 'import moderngl' 2>/dev/null; then $PYTHON -m pip install -q --no-index --no-deps --no-compile --target "$work/site" "$KIT"/wheels/*.whl; fi
  tar -C "$work" -xJf "$KIT/makehuman.tar.xz"
  OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $PYTHON -m vid2vid.data.synthetic --assets "$work/makehuman" --landmarker "$KIT/landmarker" \
    --out "$data/synthetic" --people "${PEOPLE:-700}" --held-out "${HELD_OUT:-24}" --first-seed "${FIRST_SEED:-1}" --processes "$processes"
  local sources=()
  if [ -f "$KIT/real.npz" ]; then $PYTHON -m vid2vid.data.pack --unpack "$KIT/real.npz" --out "$data"; else sources=('data.sources={"synthetic":1}'); fi
  echo "data ready after $((SECONDS - began)) s"
  local minutes; minutes=$($PYTHON -c "print(max(0.3, ($limit - ($SECONDS - $began) - ${EVALUATION_SECONDS:-60}) / 60))")
  local start=(); if [ -f "$KIT/start.pt" ]; then start=(--start "$KIT/start.pt"); fi
  $PYTHON -m vid2vid.train --data "$data" --out "$work/run" --config runs/lite.json "${start[@]}" --minutes "$minutes" --evaluate-every 120 --save-every 60 \
    --perceptual "$KIT/squeezenet10.npz" --set "${sources[@]}" ${MORE:-}
  $PYTHON -m vid2vid.checkpoint lighten "$work/run/last.pt" "$out/average.pt"
  cp "$work/run/log.jsonl" "$out/"
  $PYTHON - "$work/run/sheets" "$out/sheet.jpg" <<'PY'
import pathlib, sys, cv2
cv2.imwrite(sys.argv[2], cv2.imread(str(sorted(pathlib.Path(sys.argv[1]).glob("*.png"))[-1])), [cv2.IMWRITE_JPEG_QUALITY, 92])
PY
  if [ "${EVALUATE:-1}" = 1 ]; then
    timeout "${EVALUATION_SECONDS:-60}" $PYTHON -m vid2vid.evaluate --model "$out/average.pt" --data "$data" --sources synthetic --k 1 --people 8 --squeezenet "$KIT/squeezenet10.npz" --landmarker "$KIT/landmarker" --out "$out" || echo "evaluation did not end in time"
  fi
  find "$out" -type f -size +16M -exec echo "too large to come back: {}" \;
  echo "done after $((SECONDS - began)) s"
}

take() {
  cp "${1:?folder with average.pt}/average.pt" "$KIT/start.pt"
}

case ${1:-} in
  pack) pack ;;
  run) run ;;
  take) take "${2:-}" ;;
  *) sed -n '2,9p' "runs/$(basename "$0")"; exit 2 ;;
esac
