# SPDX-License-Identifier: MIT
# A thin door to the CMake presets and scripts; everything real lives there.
.PHONY: demo playground test bench scorecard deps format build

deps:
	@scripts/deps

build: deps
	@echo "building"
	@cmake --preset release >/dev/null
	@cmake --build --preset release -- --quiet

# The toy engines of the demo, and of the playground: c, cpp, go, python.
ENGINE ?= c

demo: build
	@scripts/demo --engine $(ENGINE)

playground: build
	@scripts/demo --keep --engine $(ENGINE)

test: deps
	@scripts/test

bench: build
	@scripts/bench

scorecard: deps
	@scripts/scorecard

format:
	@git ls-files '*.c' '*.h' | xargs clang-format-14 -i
