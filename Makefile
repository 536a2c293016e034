# SPDX-License-Identifier: MIT
# A thin door to the CMake presets and scripts; everything real lives there.
.PHONY: demo playground test bench deps format build

deps:
	@scripts/deps

build: deps
	@echo "building"
	@cmake --preset release >/dev/null
	@cmake --build --preset release -- --quiet

demo: build
	@scripts/demo

playground: build
	@scripts/demo --keep

test: deps
	@scripts/test

bench: build
	@scripts/bench

format:
	@git ls-files '*.c' '*.h' | xargs clang-format-14 -i
