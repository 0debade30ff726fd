#!/bin/sh
# Compiles kernels/*.cu with nvcc, so that an error never lands. Nothing of it is shipped: the program compiles kernels for the GPU that
# it finds, as they are used.
#
#   kernels/build.sh OUT     OUT/<file>.sm_<arch>.log keeps what ptxas said of registers, shared memory and spills
#
# NVCC names the compiler, ARCHS the architectures (default: 90, since each takes a minute or two; all are ARCHS="75 80 86 89 90"). A file
# is compiled again when it, a header, the compiler or this script has changed. Without nvcc it says so and succeeds; a warning is an error.
set -eu
source_dir=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
out=${1:?usage: kernels/build.sh OUT}
nvcc=${NVCC:-nvcc}

say() { printf '[kernels] %s\n' "$@" >&2; }

if ! command -v "$nvcc" >/dev/null 2>&1; then
    if [ -n "${NVCC:-}" ]; then
        say "NVCC=$NVCC: there is no such compiler"
        exit 1
    fi
    nvcc=/usr/local/cuda/bin/nvcc
fi
if ! command -v "$nvcc" >/dev/null 2>&1; then
    say "no nvcc found: the CUDA kernels are not compiled ahead. They will be when they are used."
    exit 0
fi

mkdir -p -- "$out"
out=$(CDPATH= cd -- "$out" && pwd)
known=$("$nvcc" --list-gpu-code)
archs=""
for arch in ${ARCHS-90}; do
    case $known in
        *sm_$arch*) archs="$archs $arch" ;;
        *) say "this nvcc does not know sm_$arch: left out" ;;
    esac
done

# Headers of the emulated device are not seen by nvcc. A log begins with the hash of all that went into it.
common=$("$nvcc" --version | cat - "$source_dir"/*.cuh "$source_dir/build.sh" | sha256sum)
: > "$out/todo"
for file in "$source_dir"/*.cu; do
    hash=$(printf '%s' "$common" | cat - "$file" | sha256sum)
    name=${file##*/}
    for arch in $archs; do
        log=$out/${name%.cu}.sm_$arch.log
        if [ ! -f "$log" ] || [ "$(head -n 1 "$log")" != "$hash" ]; then printf '%s %s %s\n' "${name%.cu}" "$arch" "${hash%% *}" >> "$out/todo"; fi
    done
done

export source_dir out nvcc
if [ -s "$out/todo" ]; then
    say "nvcc compiles $(wc -l < "$out/todo") of $(($(ls "$source_dir"/*.cu | wc -l) * $(echo "$archs" | wc -w))) modules"
    # shellcheck disable=SC2016 # the variables are those of the inner shell
    xargs -n 3 -P "$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)" sh -c '
        log=$out/$1.sm_$2.log
        printf "%s  -\n" "$3" > "$log.tmp"
        if "$nvcc" -std=c++17 -arch="sm_$2" -Werror all-warnings -Xptxas -v -cubin -I"$source_dir" -o "$log.cubin" "$source_dir/$1.cu" \
            >> "$log.tmp" 2>&1; then
            mv -f -- "$log.tmp" "$log"
        else
            sed -e 1d -e "/^ptxas info/d" -e "s/^\([^ ]*\)(\([0-9]*\)): /\1:\2: /" -e "s/^/[sm_$2] /" "$log.tmp" >&2
            rm -f -- "$log" "$log.tmp"
            failed=1
        fi
        rm -f -- "$log.cubin"
        exit "${failed:-0}"
    ' compile < "$out/todo" || {
        say "a CUDA kernel does not compile"
        exit 1
    }
fi
