#!/usr/bin/env bash
# Trains on a borrowed GPU machine that has Python with PyTorch but no network, ten minutes at a time. Runs add up.
#
#   SHARED=DIR models/runs/gpu.sh pack            here: everything the other machine needs into models/runs/out/gpu (at most 64 MiB with the repository)
#   OUT=DIR models/runs/gpu.sh run                there: renders, unpacks, resumes, trains, evaluates; leaves files of at most 16 MiB in OUT
#   models/runs/gpu.sh take DIR                   here: the checkpoint that came back becomes the start of the next run
#
# RUN=0, 1, 2 ... draws other people each time and goes on in the schedule. Only the averaged weights come back: the optimiser warms up anew.
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
  mkdir -p "$KIT/landmarker"
  for part in mesh detector matte; do cp "$(ls -t "$LANDMARKER/landmarker-$part"-*.onnx | head -1)" "$KIT/landmarker/"; done
  cp "$shared/squeezenet/squeezenet10.npz" "$KIT/"
  if [ -n "${DATA:-}" ]; then $PYTHON -m vid2vid.data.pack --root "$DATA" --sources grid smiles --data "$shared" --quality 85 --out "$KIT/real.npz"; fi
  $PYTHON -m pip download -q --no-deps --only-binary=:all: --python-version "${TARGET_PYTHON:-3.12}" --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 -d "$KIT/wheels" moderngl glcontext
  if [ -n "${START:-}" ]; then $PYTHON -m vid2vid.checkpoint lighten "$START" "$KIT/start.pt"; fi
  du -ch "$KIT" | tail -1
}

train() {
  local start=lite/weights-256.pt; if [ -f "$KIT/start.pt" ]; then start=$KIT/start.pt; fi
  $PYTHON -m vid2vid.train --data "$1/data" --out "$1/run" --config "${CONFIG:-runs/gpu.json}" --start "$start" --first-step "$((${RUN:-0} * 4000))" --minutes "$3" --evaluate-every 120 --save-every 60 \
    --perceptual "$KIT/squeezenet10.npz" --set "data.sources=$2" ${MORE:-}
}

run() {
  local out=${OUT:?folder for results} began=$SECONDS limit=${SECONDS_IN_ALL:-570}
  local work=${WORK:-$(mktemp -d)} processes=${PROCESSES:-$(nproc)}
  local data=$work/data
  mkdir -p "$data" "$out"
  export PYTHONUNBUFFERED=1 PYTHONPATH=$work/site LANDMARKER_CACHE=$PWD/$KIT/landmarker
  case $KIT in /*) LANDMARKER_CACHE=$KIT/landmarker ;; esac
  if ! $PYTHON -c 'import moderngl' 2>/dev/null; then $PYTHON -m pip install -q --no-index --no-deps --no-compile --target "$work/site" "$KIT"/wheels/*.whl; fi
  tar -C "$work" -xJf "$KIT/makehuman.tar.xz"
  OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $PYTHON -m vid2vid.data.synthetic --assets "$work/makehuman" \
    --out "$data/synthetic" --people "${PEOPLE:-700}" --held-out "${HELD_OUT:-24}" --first-seed "$((${RUN:-0} * ${PEOPLE:-700}))" --processes "$processes"
  $PYTHON -m vid2vid.data.plates --root "$data" --sources synthetic
  local sources='"synthetic":0.7' drawing=
  if [ -f "$KIT/real.npz" ]; then
    $PYTHON -m vid2vid.data.pack --unpack "$KIT/real.npz" --root "$data"
    $PYTHON -m vid2vid.data.plates --root "$data" --sources smiles grid
    sources='"synthetic":0.7,"smiles":0.12,"grid":0.18'
    $PYTHON -m vid2vid.data.portraits --stills "$KIT/real.npz" --donors "$data/synthetic" "$data/grid" --out "$data" --limit "${PORTRAITS:-150}" >"$work/portraits.log" 2>&1 &
    drawing=$!
  fi
  echo "data ready after $((SECONDS - began)) s"
  # Portraits take longer to draw than anything else: training goes on without them until they are there, or until they have taken too long.
  local evaluation=${EVALUATION_SECONDS:-60} left
  left() { echo $((limit - (SECONDS - began) - evaluation)); }
  while [ -n "$drawing" ] && kill -0 "$drawing" 2>/dev/null && [ "$(left)" -gt 150 ]; do train "$work" "{$sources}" "${SLICE_MINUTES:-1.5}"; done
  if [ -n "$drawing" ]; then
    kill "$drawing" 2>/dev/null || true
    if wait "$drawing" && $PYTHON -m vid2vid.data.plates --root "$data" --sources portraits; then sources="$sources,\"portraits\":0.3"; else echo "without portraits:" && tail -1 "$work/portraits.log"; fi
  fi
  train "$work" "{$sources}" "$($PYTHON -c "print(max(0.3, $(left) / 60))")"
  $PYTHON -m vid2vid.checkpoint lighten "$work/run/last.pt" "$out/average.pt"
  cp "$work/run/log.jsonl" "$out/"
  $PYTHON - "$work/run/sheets" "$out/sheet.jpg" <<'PY'
import pathlib, sys, cv2
cv2.imwrite(sys.argv[2], cv2.imread(str(sorted(pathlib.Path(sys.argv[1]).glob("*.png"))[-1])), [cv2.IMWRITE_JPEG_QUALITY, 92])
PY
  if [ "${EVALUATE:-1}" = 1 ]; then
    timeout "${EVALUATION_SECONDS:-60}" $PYTHON -m vid2vid.evaluate --model copy "lite=$out/average.pt" --data "$data" --sources synthetic --k 1 --people 6 --frames 8 --pairs 0 --perceptual "$KIT/squeezenet10.npz" --out "$work/evaluation" &&
      cp "$work"/evaluation/*.md "$out/" || echo "evaluation did not end in time"
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
  *) sed -n '2,10p' "runs/$(basename "$0")"; exit 2 ;;
esac
