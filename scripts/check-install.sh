#!/usr/bin/env bash
# cmake --install and the .deb put everything where it belongs, and a program that knows only the installed files builds,
# links and runs: scripts/check-install.sh BUILD-TREE
set -euo pipefail

tree=$(readlink -f "$1")
out=$tree/install-check
rm -rf "$out"
mkdir -p "$out"
DESTDIR=$out cmake --install "$tree" --prefix /usr >/dev/null

libdir=$(cd "$out" && find usr -name librejit.so -printf '%h\n')
for file in usr/bin/rejit "$libdir/librejit.so" "$libdir/rejit/librejit_agent.so" usr/include/rejit/rejit.h; do
    [[ -e $out/$file ]] || { echo "not installed: $file" >&2; exit 1; }
done
version=$(sed -nE 's/^CMAKE_PROJECT_VERSION:STATIC=//p' "$tree/CMakeCache.txt")
said=$("$out/usr/bin/rejit" --version)
[[ $said == *"$version"* ]] || { echo "rejit --version says '$said', not $version" >&2; exit 1; }

printf '#include <rejit/rejit.h>\nint main(void) { return 0; }\n' >"$out/t.c"
gcc -Wall -Werror -I"$out/usr/include" "$out/t.c" -o "$out/t" -L"$out/$libdir" -Wl,--no-as-needed -lrejit
LD_LIBRARY_PATH=$out/$libdir "$out/t"

(cd "$tree" && cpack -G DEB -B "$out/deb" >/dev/null)
deb=$(find "$out/deb" -maxdepth 1 -name '*.deb')
dpkg-deb --contents "$deb" >"$out/deb/contents"
for file in ./usr/bin/rejit "./$libdir/rejit/librejit_agent.so" ./usr/include/rejit/rejit.h; do
    grep -qE " $file\$" "$out/deb/contents" || { echo "not in the .deb: $file" >&2; exit 1; }
done
echo "Installed and packaged: $(basename "$deb")"
