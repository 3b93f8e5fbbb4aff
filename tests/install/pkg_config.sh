#!/usr/bin/env bash
. "$AM_SOURCE_DIR/tests/install/common.sh"
# A relative path: flags with blanks of a build folder in them would need quoting.
cd "$prefix"
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find . -name attnmeter.pc)")
flags=$(pkg-config --cflags --static --libs attnmeter)
# shellcheck disable=SC2086
"$CC" -std=c11 -Wall -Wextra -Werror "$AM_SOURCE_DIR/docs/example.c" $flags -o "$work/example"
run_example "$work/example"
