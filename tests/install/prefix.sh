#!/usr/bin/env bash
# Installs, then moves the prefix: nothing in it may depend on where it was.
. "$AM_SOURCE_DIR/tests/install/common.sh"
rm -rf "$work"
cmake --install "$AM_BINARY_DIR" --prefix "$work/first" >/dev/null
mv "$work/first" "$prefix"
for file in bin/attnmeter include/attnmeter/attnmeter.h include/attnmeter/base/version.h \
	share/attnmeter/models/base/model.safetensors share/attnmeter/data/time-machine.txt \
	share/man/man1/attnmeter.1 share/man/man1/attnmeter-run.1 share/bash-completion/completions/attnmeter; do
	test -e "$prefix/$file"
done
