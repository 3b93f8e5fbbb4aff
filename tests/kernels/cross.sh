# Builds the kernels and their tests for AArch64 and runs them in an emulator: NEON
# against the oracle and, byte by byte, against the reference. Fewer and shorter rows than
# a machine of its own gets, but for the accuracy of long ones.
set -euo pipefail
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
	command -v $tool >/dev/null || { echo "skip: no $tool on this machine"; exit 77; }
done
tree=$AM_BINARY_DIR/tests/aarch64
cmake -G Ninja -S "$AM_SOURCE_DIR" -B "$tree" -DCMAKE_TOOLCHAIN_FILE="$AM_SOURCE_DIR/cmake/aarch64.cmake" -DAM_KERNELS_ONLY=ON \
	-DAM_WERROR=ON >/dev/null
cmake --build "$tree" --parallel 2 >/dev/null
run() { qemu-aarch64 "$tree/tests/kernels/test_kernels" --longest 1025 "$@"; }
run --kernels neon --rounds 10 --exp-stride 9973
run --same-bytes
run --accuracy
