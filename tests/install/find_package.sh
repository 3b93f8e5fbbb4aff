#!/usr/bin/env bash
. "$AM_SOURCE_DIR/tests/install/common.sh"
build=$work/consumer
cmake -G Ninja -S "$AM_SOURCE_DIR/tests/install/consumer" -B "$build" -DCMAKE_PREFIX_PATH="$prefix" \
	-DEXAMPLE="$AM_SOURCE_DIR/docs/example.c"
# The package of the prefix, not one that the machine happens to have.
grep -F "attnmeter_DIR:PATH=$prefix/" "$build/CMakeCache.txt"
cmake --build "$build"
run_example "$build/example"
