#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Goal: what is installed is enough to build and run an engine, in C and in C++, with the shared and the static reader; the
# shared one needs libc alone and exports its own names alone.
# Method: installs into a folder of its own, compiles the man page's example by pkg-config alone, runs it.
# usage: check_install.sh BUILD_DIR SOURCE_DIR CC CXX
set -euo pipefail
build=$1 source=$2 cc=$3 cxx=$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cmake --install "$build" --prefix "$folder/usr" >"$folder/log" || { cat "$folder/log"; exit 1; }

PKG_CONFIG_PATH=$(dirname "$(find "$folder/usr" -name flatline.pc)")
export PKG_CONFIG_PATH
read -ra flags <<<"$(pkg-config --define-variable=prefix="$folder/usr" --cflags --libs flatline)"
libdir=$(dirname "$(find "$folder/usr" -name libflatline.so)")

sed -n '/^\.Bd -literal$/,/^\.Ed$/p' "$source/docs/man/flatline.3" | sed '1d;$d;s/\\e/\\/g' >"$folder/engine.c"
# Strict C11 on purpose: the C library then hides CLOCK_MONOTONIC, and the header must do without.
"$cc" -std=c11 -Wall -Wextra -Werror "$folder/engine.c" "${flags[@]}" -o "$folder/engine-shared"
"$cc" -std=c11 -D_GNU_SOURCE "$folder/engine.c" "${flags[0]}" "$libdir/libflatline.a" -o "$folder/engine-static"
"$cxx" -std=c++17 -x c++ -Wall -Wextra -Werror "$folder/engine.c" -x none "${flags[@]}" -o "$folder/engine-cxx"
for engine in engine-shared engine-static engine-cxx; do
    code=0
    said=$(LD_LIBRARY_PATH=$libdir "$folder/$engine" 2>&1) || code=$?
    # No sentinel of the default name is running here, or one is and it does not watch the example's stream, or does.
    echo "$engine: exit $code: $said"
    [ "$code" -le 1 ]
done

needed=$(readelf -d "$libdir/libflatline.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
echo "needs: $needed"
[ "$needed" = libc.so.6 ]
foreign=$(nm -D --defined-only "$libdir/libflatline.so" | awk '{print $3}' | grep -v '^flatline_\|^FLATLINE_' || true)
[ -z "$foreign" ] || { echo "exports besides its own: $foreign"; exit 1; }

read -ra flags <<<"$(pkg-config --define-variable=prefix="$folder/usr" --cflags --libs flatline flatline-sentinel)"
"$cc" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror "$source/examples/c/engine_embedded.c" "${flags[@]}" -o "$folder/embedded"
for program in bin/flatline bin/flatline-venue sbin/flatlined; do
    "$folder/usr/$program" --help >/dev/null || { echo "$program --help fails once installed"; exit 1; }
done

for page in flatline.1 flatline-venue.1 flatline.3 flatline_shm.5 flatlined.conf.5 flatlined.8; do
    find "$folder/usr" -name "$page" | grep -q . || { echo "$page is not installed"; exit 1; }
done
