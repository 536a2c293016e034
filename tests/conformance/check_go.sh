#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Goal: each Go module is as gofmt writes it, vets clean, needs neither cgo nor anything outside the standard library, and passes its
# own tests.
# usage: check_go.sh GO CACHE MODULE...
set -euo pipefail
go=$1
export GOCACHE=$2 GOPROXY=off CGO_ENABLED=0
shift 2
for module in "$@"; do
    cd "$module"
    unformatted=$("$(dirname "$go")/gofmt" -l .)
    [ -z "$unformatted" ] || { echo "gofmt would change: $unformatted"; exit 1; }
    "$go" vet ./...
    "$go" test -count=1 ./...
    foreign=$("$go" list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' ./... | grep -vx 'flatline\|conformance/[a-z]*\|toy\|looker' || true)
    [ -z "$foreign" ] || { echo "imports $foreign"; exit 1; }
done
