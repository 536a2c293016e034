#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the build into a folder of its own and builds, by pkg-config alone and in both languages, the program a stranger would write.
#   run.sh BUILD_DIR SOURCE_DIR
set -euo pipefail
build=$1
source=$2
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT

cmake --install "$build" --prefix "$prefix" >/dev/null
pkgconfig=$(dirname "$(find "$prefix" -name flatline.pc)")
# The .pc files carry the configured prefix; what is asked here is what they say of a staged one.
sed -i "s|^prefix=.*|prefix=$prefix|" "$pkgconfig"/flatline*.pc
export PKG_CONFIG_PATH=$pkgconfig
flags=$(pkg-config --cflags --libs flatline)

cc -std=c11 -Wall -Wextra -Werror "$source/examples/toy_engine.c" -D_GNU_SOURCE $flags -o "$prefix/toy"
cp "$source/tests/install/consumer.c" "$prefix/consumer.cpp"
cc -std=c11 -Wall -Wextra -Werror "$source/tests/install/consumer.c" $flags -o "$prefix/consumer-c"
c++ -std=c++17 -Wall -Wextra -Werror "$prefix/consumer.cpp" $flags -o "$prefix/consumer-cpp"
export LD_LIBRARY_PATH=$(pkg-config --variable=libdir flatline)
"$prefix/consumer-c"
"$prefix/consumer-cpp"

for program in bin/flatline bin/flatline-venue sbin/flatlined; do
    "$prefix/$program" --help >/dev/null || { echo "$program --help fails once installed"; exit 1; }
done
for page in man1/flatline.1 man1/flatline-venue.1 man3/flatline.3 man5/flatline_shm.5 man5/flatlined.conf.5 man8/flatlined.8; do
    [ -n "$(find "$prefix" -path "*/$page")" ] || { echo "no manual page $page"; exit 1; }
done
cc -std=c11 -Wall -Wextra "$source/examples/engine_embedded.c" -D_GNU_SOURCE \
    $(pkg-config --cflags --libs flatline flatline-sentinel) -o "$prefix/embedded"
echo "installed, found and linked from outside"
