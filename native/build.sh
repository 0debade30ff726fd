#!/bin/sh
# Compiles native/*.c into one shared library, each kernel file once per instruction set of the target.
#
#   native/build.sh OBJECTS OUT     objects are kept in OBJECTS and reused; the library goes to OUT/<os>-<arch>/
#
# CC chooses the compiler (a cross compiler too: CC=aarch64-linux-gnu-gcc), CFLAGS adds flags (-g -fsanitize=address ...), ISAS names the
# instruction sets to build for beside the baseline (default: all that are known), WERROR=1 makes a warning an error.
# Without a compiler, or for another system than Linux and macOS, it says so and succeeds: the program then runs on its plain Java definitions.
set -eu
source_dir=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
objects=${1:?usage: native/build.sh OBJECTS OUT}
out=${2:?usage: native/build.sh OBJECTS OUT}
cc=${CC:-cc}

say() { printf '[native] %s\n' "$@" >&2; }

# A library left from before would no longer fit the sources.
skip() {
    say "$@"
    rm -f -- "$out"/*/libimu2clip.*
    exit 0
}

if ! command -v "${cc%% *}" >/dev/null 2>&1; then
    if [ -n "${CC:-}" ]; then
        say "CC=$CC: there is no such compiler"
        exit 1
    fi
    skip "no C compiler ('cc') found: building without C kernels, the plain Java definitions will run instead." \
        "To get the fast kernels install one (for instance: apt-get install gcc libc6-dev) and build again."
fi

target=$($cc -dumpmachine)
arch=${target%%-*}
case $arch in amd64) arch=x86_64 ;; arm64) arch=aarch64 ;; esac
case $target in
    *linux*) os=linux suffix=so ;;
    *darwin*) os=darwin suffix=dylib ;;
    *) skip "C kernels are written for Linux and macOS, not for $target: building without them, the plain Java definitions will run instead." ;;
esac

flags="-std=c11 -O3 -fPIC -fvisibility=hidden -fopenmp-simd -fno-math-errno -fno-trapping-math -fno-signed-zeros -ffp-contract=fast -pthread"
flags="$flags -Wall -Wextra -Wno-unknown-pragmas"
[ "${WERROR:-}" != 1 ] || flags="$flags -Werror"
flags="$flags ${CFLAGS:-}"

# Flags of every instruction set beside the baseline; runtime.c asks the processor for the same features. One that this compiler does not
# know is left out. `have` tells runtime.c which ones there are.
avx2_flags="-mavx2 -mfma"
avx512_flags="-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mprefer-vector-width=512"
isas=baseline
have=""
if [ "$arch" = x86_64 ]; then
    for isa in avx2 avx512; do
        case " ${ISAS-avx2 avx512} " in *" $isa "*) ;; *) continue ;; esac
        case $isa in avx2) isa_flags=$avx2_flags ;; avx512) isa_flags=$avx512_flags ;; esac
        # shellcheck disable=SC2086 # flags are meant to be split, here and below
        if $cc $isa_flags -x c -c /dev/null -o /dev/null 2>/dev/null; then
            isas="$isa $isas"
            have="$have -DHAVE_$isa"
        fi
    done
fi

mkdir -p -- "$objects" "$out/$os-$arch"
library=$(CDPATH= cd -- "$out/$os-$arch" && pwd)/libimu2clip.$suffix
# From here on objects have plain names without a folder, so that lists of them are split at blanks only where they should be.
CDPATH= cd -- "$objects"

# Other flags, another compiler, other headers make every object stale.
stamp="$cc $($cc -dumpversion) $target $flags $isas $avx2_flags $avx512_flags"
for header in "$source_dir"/*.h; do stamp="$stamp ${header##*/}"; done
if [ ! -f stamp ] || [ "$(cat stamp)" != "$stamp" ]; then
    rm -f -- *.o
    printf '%s\n' "$stamp" > stamp
fi

# Whether object $1 of source file $2 has to be made.
is_due() {
    for source in "$2" "$source_dir"/*.h "$source_dir/build.sh"; do
        [ "$1" -nt "$source" ] || return 0
    done
    return 1
}

: > todo
: > list.new
for file in "$source_dir"/*.c; do
    name=${file##*/}
    name=${name%.c}
    if [ "$name" = runtime ]; then variants=plain; else variants=$isas; fi
    for isa in $variants; do
        printf '%s\n' "$name.$isa.o" >> list.new
        if is_due "$name.$isa.o" "$file"; then printf '%s %s\n' "$name" "$isa" >> todo; fi
    done
done

export source_dir cc flags have avx2_flags avx512_flags
if [ -s todo ]; then
    cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
    # Written under another name first, so that an interrupted build leaves no half object.
    # shellcheck disable=SC2016 # the variables are those of the inner shell
    xargs -n 2 -P "$cores" sh -c '
        case $2 in
            plain) extra=$have ;;
            baseline) extra="-DISA=baseline -DISA_baseline" ;;
            avx2) extra="-DISA=avx2 -DISA_avx2 $avx2_flags" ;;
            avx512) extra="-DISA=avx512 -DISA_avx512 $avx512_flags" ;;
        esac
        $cc $flags $extra -c "$source_dir/$1.c" -o "$1.$2.tmp" && mv -f "$1.$2.tmp" "$1.$2.o"
    ' compile < todo
fi

# By age and not by what this run has compiled: an earlier run may have failed between compiling and linking.
must_link() {
    cmp -s list.new list || return 0
    while IFS= read -r object; do
        [ "$library" -nt "$object" ] || return 0
    done < list
    return 1
}
if must_link; then
    # shellcheck disable=SC2046
    $cc -shared -fPIC -pthread ${CFLAGS:-} -o "$library.tmp" $(cat list.new) -lm
    mv -f -- "$library.tmp" "$library"
    mv -f list.new list # only now: a list stands for a library that holds it
fi
printf '[native] %s (%s)\n' "$library" "$isas"
