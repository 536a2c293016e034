#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Goal: a full tmpfs is a sentence and exit 1, not SIGBUS later.
# Method: a tmpfs of 64 KiB in a mount namespace of our own; the puppet's segment does not fit.
# usage: check_enospc.sh SEGMENT_PUPPET
set -euo pipefail
if ! unshare -m true 2>/dev/null; then
    echo "skipped: mount namespaces need rights this user has not"
    exit 77
fi
folder=$(mktemp -d)
trap 'rmdir "$folder"' EXIT
unshare -m bash -euc '
    mount -t tmpfs -o size=64k none "$1" || exit 77
    code=0
    said=$("$2" "$1" seg 2>&1 </dev/null) || code=$?
    echo "exit $code: $said"
    [ "$code" = 1 ]
    grep -q "no space for a segment of [0-9]* bytes" <<<"$said"
    [ -z "$(ls "$1" | grep -v "^seg.lock$")" ] # nothing half-built stays
' check_enospc "$folder" "$1"
