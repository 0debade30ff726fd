#!/bin/sh
# Everything that only a GPU can show, on a machine with nothing but its driver, CUDA's libraries and, for the peers, PyTorch: run it in the
# unpacked bundle (mvn package -Pdist). Every step writes into OUT, and one that fails or takes too long does not stop the others.
#   tools/gpu-check.sh [OUT] [DEVICE]        DEVICE: cuda, or cpu or emulated to see whether the script itself runs
#   STEP_SECONDS  the most that one step may take (900)      BENCH_OPTIONS  more options for bench, for instance "--seconds 0.5 step"
#   PYTHON        the Python that has PyTorch (python3)      PEER_SECONDS   for every contestant in every round (3)
home=$(cd "$(dirname "$0")/.." && pwd) || exit 1
out=${1:-gpu-check} device=${2:-cuda}
python=${PYTHON:-python3} limit=${STEP_SECONDS:-900} peer_seconds=${PEER_SECONDS:-3}
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
cd "$home" || exit 1
peer_device=cpu
[ "$device" != "${device#cuda}" ] && peer_device=cuda
: > "$out/steps.txt"
failed=0

# Runs a command; its output is NAME.SUFFIX, what it says besides NAME.log.
step() {
    name=$1 suffix=$2
    shift 2
    echo "== $name" >&2
    begin=$(date +%s)
    timeout "$limit" "$@" > "$out/$name.$suffix" 2> "$out/$name.log"
    code=$?
    [ $code -eq 0 ] || failed=1
    echo "$name: exit $code, $(($(date +%s) - begin)) s" | tee -a "$out/steps.txt" >&2
}

[ "$peer_device" = cpu ] || step nvidia-smi txt nvidia-smi
step doctor txt ./imu2clip doctor
step selftest json ./imu2clip selftest --device "$device" --json
# The hand-written forms of what a library runs otherwise.
hand=
for kernel in matmul packed_linear; do hand="$hand -Dimu2clip.impl.$kernel=cu"; done
[ "$peer_device" = cpu ] || IMU2CLIP_JAVA_OPTS="$IMU2CLIP_JAVA_OPTS $hand" step selftest-hand-written json \
    ./imu2clip selftest --device "$device" --kernel matmul packed_linear --json
# shellcheck disable=SC2086 # the options are meant to be split
step bench json ./imu2clip bench --device "$device" --json $BENCH_OPTIONS
step pretrain txt sh -c "rm -rf '$out/sample' && ./imu2clip sample '$out/sample' --recordings 6 --minutes 3 \
    && ./imu2clip pretrain --data '$out/sample' --device '$device' --epochs 2 --out '$out/run'"
rm -rf "$out/sample"
for peer in step towers; do
    step "peers-$peer" txt "$python" tools/peers/cuda_$peer.py --device "$peer_device" --seconds "$peer_seconds" --json "$out/peers-$peer.json" \
        --launcher ./imu2clip
done
exit $failed
