#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Goal: a sentinel whose CLOCK_MONOTONIC runs ahead of its reader's is refused as CLOCK_MISMATCH, not trusted and not called dead.
# Method: the puppet beats in a time namespace a thousand seconds ahead; the reader stays in ours.
# usage: check_time_namespace.sh SEGMENT_PUPPET FLATLINE
set -euo pipefail
if ! unshare -T --monotonic 1000 true 2>/dev/null; then
    echo "skipped: time namespaces need rights this user has not, or another kernel"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf 'beat 9000\n' | unshare -T --monotonic 1000 "$1" "$folder" seg >/dev/null
code=0
said=$("$2" status --segment "$folder/seg" 2>&1) || code=$?
echo "exit $code: $said"
[ "$code" = 3 ]
grep -q "clock is not this process's clock" <<<"$said"
unshare -T --monotonic 1000 "$2" faults --segment "$folder/seg" >/dev/null # in its own namespace it can be read
