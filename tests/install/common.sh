#!/usr/bin/env bash
# Sourced by the steps. $prefix: the installed and moved prefix.
set -euo pipefail
work=$AM_BINARY_DIR/tests/tmp/install
prefix=$work/moved
unset ATTNMETER_DATA

# run_example PROGRAM: with the embedded model of the prefix.
run_example() {
	ATTNMETER_DATA=$prefix/share/attnmeter "$1" "$1.h5" | tee "$1.txt"
	[ "$(grep -c '^layer [0-5]: [0-9.]* nat$' "$1.txt")" = 6 ]
}
