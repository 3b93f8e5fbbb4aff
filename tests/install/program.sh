#!/usr/bin/env bash
# The installed program finds the embedded model of its own prefix.
. "$AM_SOURCE_DIR/tests/install/common.sh"
cd "$work"
"$prefix/bin/attnmeter" run -p "It was the best of times." -o program.h5 --force
"$prefix/bin/attnmeter" show --check program.h5

# Without that model nothing stands in, neither the source tree nor another prefix.
bare=$work/bare
mkdir -p "$bare/bin"
cp "$prefix/bin/attnmeter" "$bare/bin"
code=0
"$bare/bin/attnmeter" run -p "It was" -o none.h5 2>message.txt || code=$?
[ $code -eq 1 ] && grep -F "models/base: not found in" message.txt
ATTNMETER_DATA=$prefix/share/attnmeter "$bare/bin/attnmeter" run -p "It was" -o named.h5 --force
