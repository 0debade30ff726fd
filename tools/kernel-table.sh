#!/bin/sh
# Compiles the CUDA kernels with nvcc (kernels/build.sh) and writes registers, static shared memory and spills of every function into
# docs/kernels.md, between its markers.
#
#   tools/kernel-table.sh [OUT]     OUT keeps the logs of nvcc; default: target/nvcc
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
out=${1:-$root/target/nvcc}
doc=$root/docs/kernels.md
sh "$root/kernels/build.sh" "$out"
[ -d "$out" ] || exit 1

table=$(mktemp)
trap 'rm -f -- "$table" "$doc.tmp"' EXIT
for file in "$root"/kernels/*.cu; do
    name=${file##*/}
    cat "$out/${name%.cu}".sm_*.log 2>/dev/null | awk -v file="$name" '
        /Compiling entry function/ { split($0, part, "\047"); f = part[2]; sub(/^imu2clip_/, "", f); arch = part[4]; spills = 0 }
        /spill stores/ && f { spills += $5 + $9 }
        / Used [0-9]+ registers/ && f {
            shared = 0
            for (i = 1; i < NF; i++) if ($(i + 2) ~ /^smem/ && $(i + 1) == "bytes") shared = $i
            for (i = 1; i < NF; i++) if ($i == "Used") registers = $(i + 1)
            if (!(f in seen)) { seen[f] = 1; order[++n] = f }
            if (shared > most[f] + 0) most[f] = shared
            cell[f, arch] = registers (spills ? " (" spills ")" : "")
            f = ""
        }
        END {
            for (i = 1; i <= n; i++) {
                f = order[i]
                printf "| %s | `%s` | %d |", file, f, most[f]
                split("sm_75 sm_80 sm_86 sm_89 sm_90", archs, " ")
                for (j = 1; j <= 5; j++) printf " %s |", cell[f, archs[j]]
                print ""
            }
        }' | sort
done > "$table"

awk -v table="$table" '
    /<!-- kernel table -->/ {
        print
        print "| file | function | shared bytes | sm_75 | sm_80 | sm_86 | sm_89 | sm_90 |"
        print "| --- | --- | --- | --- | --- | --- | --- | --- |"
        while ((getline line < table) > 0) print line
        inside = 1
        next
    }
    /<!-- end of kernel table -->/ { inside = 0 }
    !inside' "$doc" > "$doc.tmp"
mv -f -- "$doc.tmp" "$doc"
