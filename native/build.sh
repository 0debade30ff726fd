#!/bin/sh
# Compiles native/*.c into one shared library, each kernel file once per instruction set of the target.
#
#   native/build.sh OBJECTS OUT     objects are kept in OBJECTS and reused; the library goes to OUT/<os>-<arch>/
#
# CC chooses the compiler (a cross compiler too: CC=aarch64-linux-gnu-gcc), CFLAGS adds flags (-g -fsanitize=address ...), ISAS names the
# instruction sets to build for beside the baseline (default: all that are known).
# Without a compiler it says so and succeeds: the program then runs on its plain Java definitions.
set -eu
source_dir=$(cd "$(dirname "$0")" && pwd)
objects=${1:?usage: native/build.sh OBJECTS OUT}
out=${2:?usage: native/build.sh OBJECTS OUT}
cc=${CC:-cc}

if ! command -v "${cc%% *}" >/dev/null 2>&1; then
    echo "[native] no C compiler ('$cc') found: building without C kernels, the plain Java definitions will run instead." >&2
    echo "[native] To get the fast kernels install one (for instance: apt-get install gcc libc6-dev) and build again." >&2
    exit 0
fi

target=$($cc -dumpmachine)
arch=${target%%-*}
case $arch in amd64) arch=x86_64 ;; arm64) arch=aarch64 ;; esac
case $target in *darwin*) os=darwin suffix=dylib ;; *) os=linux suffix=so ;; esac

flags="-std=c11 -O3 -fPIC -fvisibility=hidden -fopenmp-simd -fno-math-errno -fno-trapping-math -fno-signed-zeros -ffp-contract=fast -pthread
       -Wall -Wextra -Werror -Wno-unknown-pragmas ${CFLAGS:-}"
flags=$(echo $flags) # one line

# name and flags of every instruction set, best first; one that this compiler does not know is left out.
isa_flags() {
    case $arch-$1 in
        x86_64-avx512) echo "-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mf16c -mprefer-vector-width=512" ;;
        x86_64-avx2) echo "-mavx2 -mfma -mf16c -mbmi2" ;;
        *) echo "" ;;
    esac
}
isas=baseline
have=""
if [ "$arch" = x86_64 ]; then
    for isa in avx2 avx512; do
        case " ${ISAS-avx2 avx512} " in *" $isa "*) ;; *) continue ;; esac
        # shellcheck disable=SC2046,SC2086
        if $cc $(isa_flags $isa) -x c -c /dev/null -o /dev/null 2>/dev/null; then
            isas="$isa $isas"
            have="$have -DHAVE_$isa"
        fi
    done
fi

mkdir -p "$objects" "$out/$os-$arch"
library="$out/$os-$arch/libimu2clip.$suffix"

# Other flags or another compiler make every object stale.
stamp="$cc $($cc -dumpversion) $flags $isas"
if [ ! -f "$objects/stamp" ] || [ "$(cat "$objects/stamp")" != "$stamp" ]; then
    rm -f "$objects"/*.o
    printf '%s' "$stamp" > "$objects/stamp"
fi
newest_header=$(ls -t "$source_dir"/*.h "$source_dir/build.sh" | head -n 1)

list="$objects/list"
: > "$objects/todo"
: > "$list.new"
for file in "$source_dir"/*.c; do
    name=$(basename "$file" .c)
    if [ "$name" = runtime ]; then variants=plain; else variants=$isas; fi
    for isa in $variants; do
        object="$objects/$name.$isa.o"
        echo "$object" >> "$list.new"
        if [ -f "$object" ] && [ "$object" -nt "$file" ] && [ "$object" -nt "$newest_header" ]; then continue; fi
        extra=$([ "$isa" = plain ] && echo "$have" || echo "-DISA=$isa -DISA_$isa $(isa_flags "$isa")")
        # Written under another name first, so that an interrupted build leaves no half object.
        echo "$cc $flags $extra -c '$file' -o '$object.tmp' && mv '$object.tmp' '$object'" >> "$objects/todo"
    done
done
todo=$(wc -l < "$objects/todo")
if [ "$todo" -gt 0 ]; then
    cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
    tr '\n' '\0' < "$objects/todo" | tr -s ' ' | xargs -0 -n 1 -P "$cores" sh -c 'eval "$0"'
fi
if [ "$todo" -gt 0 ] || [ ! -f "$library" ] || ! cmp -s "$list.new" "$list"; then
    mv "$list.new" "$list"
    # shellcheck disable=SC2046,SC2086
    $cc -shared -fPIC -pthread ${CFLAGS:-} -o "$library.tmp" $(cat "$list") -lm
    mv "$library.tmp" "$library"
fi
echo "[native] $library ($isas)"
