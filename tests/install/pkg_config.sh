. "$AM_SOURCE_DIR/tests/install/common.sh"
flags=$(pkg-config --cflags --static --libs attnmeter)
# shellcheck disable=SC2086
"$CC" -std=c11 -Wall -Wextra -Werror "$AM_SOURCE_DIR/docs/example.c" $flags -o "$work/example"
run_example "$work/example"
