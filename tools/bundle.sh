#!/bin/sh
# Makes TARGET/imu2clip-linux-x86_64.tar.xz: everything that a bare machine needs to run imu2clip, its Java included. `mvn package -Pdist`
# runs this when it has built TARGET/imu2clip.jar and TARGET/lib. The same sources, JDK and tools give the same bytes: TIME (ISO 8601)
# dates every file.
#   tools/bundle.sh TARGET VERSION TIME
set -eu
cd "$(dirname "$0")/.."
target=$(cd "$1" && pwd) version=$2 time=$3
name=imu2clip-linux-x86_64
limit=60 # MiB
# What ImageIO, the plots, downloads, doctor, Parquet and the file system inside a jar need. jdeps finds all but the last.
modules=java.base,java.desktop,java.logging,java.management,java.net.http,jdk.jfr,jdk.management,jdk.unsupported,jdk.zipfs

[ "$(uname -sm)" = "Linux x86_64" ] || { echo "bundle.sh: the bundle is for Linux on x86-64, and is made there" >&2; exit 1; }
jdk=$(./imu2clip --print-jdk)
rm -rf "$target/$name" "$target/$name.tar.xz"
mkdir -p "$target/$name/lib" "$target/$name/tools"
cd "$target/$name"
"$jdk/bin/jlink" --add-modules $modules --strip-debug --no-header-files --no-man-pages --compress zip-0 --output runtime

# The jars once more, stored and not compressed, since xz does that better, and without what is never used: of JCuda the PTX compiler
# and the first cuBLAS interface, of FFmpeg its programs, of Snappy other systems, and settings for GraalVM.
for jar in "$target/imu2clip.jar" "$target"/lib/*.jar; do
    mkdir parts
    (cd parts && "$jdk/bin/jar" --extract --file "$jar")
    [ ! -d parts/org/xerial ] || find parts/org/xerial -path '*/native/*' -type f ! -path '*/Linux/x86_64/*' -delete
    rm -rf parts/META-INF/native-image parts/lib/libJNvPTXCompiler-* parts/lib/libJCublas-* parts/org/bytedeco/ffmpeg/linux-x86_64/ff*
    "$jdk/bin/jar" --create --file "lib/${jar##*/}" --no-compress --no-manifest --date "$time" -C parts .
    rm -rf parts
done

cd - > /dev/null
cp -R imu2clip README.md LICENSE.md kernels "$target/$name"
cp -R tools/gpu-check.sh tools/peers "$target/$name/tools"
rm -rf "$target/$name/tools/peers/__pycache__"
echo "imu2clip $version" > "$target/$name/VERSION"
chmod -R u=rwX,go=rX "$target/$name"
# Blocks of a fixed size: the bytes do not depend on the number of threads.
tar --create --sort=name --mtime="$time" --owner=0 --group=0 --numeric-owner -C "$target" $name \
    | xz -6 --threads=0 --block-size=100MiB > "$target/$name.tar.xz"
bytes=$(wc -c < "$target/$name.tar.xz")
echo "$target/$name.tar.xz: $((bytes >> 20)) MiB"
[ "$bytes" -le $((limit << 20)) ] || { echo "bundle.sh: that is more than $limit MiB" >&2; exit 1; }
