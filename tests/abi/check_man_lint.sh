#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every manual page is mdoc that mandoc accepts without a warning.
# usage: check_man_lint.sh DIRECTORY
set -euo pipefail
command -v mandoc >/dev/null || { echo "skipped: no mandoc here"; exit 77; }
mandoc -T lint -W warning "$1"/*.[1-8]
