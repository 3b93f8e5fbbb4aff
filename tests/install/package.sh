#!/usr/bin/env bash
# The Debian package installs into a root of its own, runs there and leaves nothing when removed.
set -euo pipefail
work=$AM_BINARY_DIR/tests/tmp/package
root=$work/root
unset ATTNMETER_DATA
rm -rf "$work"
mkdir -p "$root/var/lib/dpkg/"{info,updates} "$root/usr/bin"
touch "$root/var/lib/dpkg/status"
cpack --config "$AM_BINARY_DIR/CPackConfig.cmake" -G DEB -B "$work" >"$work/cpack.txt" 2>&1 || { cat "$work/cpack.txt"; exit 1; }
deb=$(find "$work" -maxdepth 1 -name '*.deb')
dpkg-deb --field "$deb" Package Version Architecture Depends
dpkg-deb --field "$deb" Depends | grep -q libhdf5
# --force-depends: the libraries are those of this machine.
in_root() { dpkg --root="$root" --force-not-root --force-depends --log="$work/dpkg.log" "$@"; }
in_root --install "$deb"
"$root/usr/bin/attnmeter" run -q -p "The package runs from where it lies." -o "$work/run.h5"
"$root/usr/bin/attnmeter" show --check "$work/run.h5"
for file in man/man1/attnmeter-entropy.1 bash-completion/completions/attnmeter doc/attnmeter/copyright; do
	find "$root/usr/share/$file"* | grep -q .
done
in_root --purge attnmeter
left=$(find "$root" -path "$root/var/lib/dpkg" -prune -o ! -type d -print)
[ -z "$left" ] || { echo "left behind: $left"; exit 1; }
