#!/usr/bin/env bash
# What a lent GPU is wanted for, in calls of some minutes. Everything comes to the folder in OUT.
#
#   bash bench/lent.sh measure    the tables of bench.cuda and bench.distil, with nothing beside them
#   bash bench/lent.sh pace       how long a step of training takes with 16 runs side by side
#   bash bench/lent.sh train      the LoRAs of the embedded model and the comparison of docs/distil.md, side by side
#   bash bench/lent.sh tables     docs/quality.md's sections “With a ControlNet” and “Two passes”
#
# Python is a python3 with torch and the requirements of the playground and of distillation, and scipy. Variables:
# MINUTES and SECONDS_DISTIL for measure; ITERATIONS of a stage, PROOF steps of a row, SEEDS and LIMIT seconds for train;
# WORK is the folder of the runs, which a second call on the same machine goes on with; SMALL=1 tries the script out.
set -uo pipefail
cd "$(dirname "$0")/.."
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
work=${WORK:-${TMPDIR:-/tmp}/hypersd-lent}
small=${SMALL:+--count 4 --pictures 60 --critic 3 --iterations 5}
mkdir -p "$work" "$OUT"

# Many small processes compute at the same time on one GPU only by way of NVIDIA's MPS; without it they take turns.
share_gpu() {
    command -v nvidia-cuda-mps-control >/dev/null || { echo "no MPS"; return; }
    export CUDA_MPS_PIPE_DIRECTORY=$work/mps CUDA_MPS_LOG_DIRECTORY=$work/mps
    mkdir -p "$work/mps"
    nvidia-cuda-mps-control -d && trap 'echo quit | nvidia-cuda-mps-control' EXIT
    if ! timeout 60 python3 -c "import torch; torch.ones(1).cuda()"; then
        echo "MPS does not serve"
        echo quit | nvidia-cuda-mps-control
        trap - EXIT
        unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
    fi
}

# The figures and LoRAs that there are by now.
keep() {
    tar czf "$OUT/figures.tgz" -C "$work" $(cd "$work" && ls -d runs/*.json 2>/dev/null) 2>/dev/null
    tar cf "$OUT/loras.tar" -C "$work/runs/model" $(cd "$work/runs/model" && ls *lora-tiny.safetensors 2>/dev/null) 2>/dev/null
}

case ${1:-} in
measure)
    timeout $((60 * ${MINUTES:-5} + 60)) python3 -m bench.cuda --minutes "${MINUTES:-5}" \
        ${SMALL:+--device cpu --small --only "the machine"} 2>&1 | tee "$OUT/cuda.log"
    timeout "${SECONDS_DISTIL:-150}" python3 -m bench.distil ${SMALL:+--small} 2>&1 | tee "$OUT/distil.log"
    ;;
pace)
    share_gpu
    time timeout 100 python3 -m tools.tiny.proof --out "$work/pace" --processes "${PROCESSES:-16}" --iterations 100 \
        ${small:---count 20 --pictures 200 --critic 50} 2> "$OUT/pace.log"
    tr '\r' '\n' < "$OUT/pace.log" | grep -E "step/s|s/step" | grep -E "100%" | tail -40
    ;;
train)
    touch "$OUT/proof.md"
    share_gpu
    timeout 120 python3 -m tools.tiny.runs --out "$work/runs" ${SMALL:+--pictures 60 --critic 3} 2>> "$work/runs.err"
    timeout "${LIMIT:-400}" python3 -m tools.tiny.candidates --out "$work/runs" --processes 6 \
        --iterations "${ITERATIONS:-500}" $small > "$OUT/candidates.log" 2> "$work/candidates.err" &
    chosen=$!
    timeout "${LIMIT:-400}" python3 -m tools.tiny.proof --out "$work/runs" --processes "${PROCESSES:-12}" \
        --seeds ${SEEDS:-1 2 3} --iterations "${PROOF:-1000}" --table "$OUT/proof.md" $small \
        > "$OUT/proof.log" 2> "$work/proof.err" &
    proof=$!
    wait $chosen
    keep
    if ls "$work"/runs/model/*lora-tiny.safetensors >/dev/null 2>&1; then
        timeout "${LIMIT_QUALITY:-150}" python3 -m torch.distributed.run --standalone --nproc-per-node 4 \
            -m tools.tiny.quality --model "$work/runs/model" --table "$OUT/quality.md" \
            --device "${DEVICE:-cuda}" ${SMALL:+--count 2} > "$work/quality.log" 2>&1 &
        quality=$!
    fi
    wait $proof
    keep
    wait ${quality:-$proof}
    tail -n 3 "$work"/*.err
    cat "$OUT/candidates.log" "$OUT/proof.log"
    ;;
tables)
    share_gpu
    cp docs/quality.md "$OUT/quality.md"
    python3 -m torch.distributed.run --standalone --nproc-per-node "${PROCESSES:-12}" -m tools.tiny.control_quality \
        --model assets/tiny --table "$OUT/quality.md" --device "${DEVICE:-cuda}" ${SMALL:+--count 2}
    python3 -m tools.tiny.two_passes --model assets/tiny --table "$OUT/quality.md" --device "${DEVICE:-cuda}" \
        ${SMALL:+--count 2}
    ;;
*)
    sed -n '2,13p' "$0"
    exit 2
    ;;
esac
