#!/usr/bin/env bash
# Lay out the .NET runtimes 8, 9 and 10 side by side, so that the same test can run on each of them:
#
#   scripts/runtimes.sh [DIR] [MAJOR...]        (default: build/runtimes 8 9 10)
#   DIR/8/dotnet app.dll                        runs app.dll on .NET 8 and nothing else
#
# The files come from the runtime packs on NuGet through an ordinary restore. A folder that is complete is left
# alone, so that a second run costs nothing and needs no network.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
declare -A version=([8]=8.0.33 [9]=9.0.22 [10]=10.0.14)
packs=(Microsoft.NETCore.App Microsoft.AspNetCore.App)

die() { echo "runtimes.sh: $*" >&2; exit 1; }

work=
cleanup() { [ -z "$work" ] || rm -rf "$work"; }
trap cleanup EXIT

# restore_packs VERSION...: prints the folder under which NuGet has put the packs.
restore_packs() {
    local list pack
    list=$(printf '[%s];' "$@")
    {
        echo '<Project Sdk="Microsoft.NET.Sdk">'
        echo '  <PropertyGroup><TargetFramework>net8.0</TargetFramework></PropertyGroup>'
        echo '  <ItemGroup>'
        for pack in "${packs[@]}"; do
            echo "    <PackageDownload Include=\"$pack.Runtime.linux-x64\" Version=\"${list%;}\" />"
        done
        echo '  </ItemGroup>'
        echo '</Project>'
    } >"$work/runtimes.csproj"
    dotnet restore "$work/runtimes.csproj" >"$work/log" 2>&1 || { cat "$work/log" >&2; die "the runtime packs could not be restored from NuGet"; }
    dotnet msbuild "$work/runtimes.csproj" -getProperty:NuGetPackageRoot
}

# lay_out PACKAGES MAJOR: builds DIR/MAJOR from the packs and the muxer of the installed SDK.
lay_out() {
    local packages=$1 major=$2 v=${version[$2]} new="$dir/.$2.$$" pack from
    rm -rf "$new"
    for pack in "${packs[@]}"; do
        from="$packages/${pack,,}.runtime.linux-x64/$v/runtimes/linux-x64"
        [ -d "$from" ] || die "$pack $v is not where NuGet should have put it: $from"
        mkdir -p "$new/shared/$pack/$v"
        cp "$from/lib/net$major.0/"* "$new/shared/$pack/$v/"
        # The web framework has no native files on some versions.
        [ ! -d "$from/native" ] || cp "$from/native/"* "$new/shared/$pack/$v/"
    done
    mkdir -p "$new/host/fxr/$v"
    mv "$new/shared/Microsoft.NETCore.App/$v/libhostfxr.so" "$new/host/fxr/$v/"
    chmod +x "$new/shared/Microsoft.NETCore.App/$v/createdump"
    cp "$muxer" "$new/dotnet"
    "$new/dotnet" --list-runtimes | grep -q "^Microsoft.NETCore.App $v " || die "the .NET $v laid out in $new does not start"
    rm -rf "${dir:?}/$major"
    mv "$new" "$dir/$major"
    echo "$v" >"$dir/$major/.complete"
}

dir=${1:-$root/build/runtimes}
shift || true
[ $# -gt 0 ] || set -- 8 9 10
missing=()
for major in "$@"; do
    [ -n "${version[$major]:-}" ] || die "no such runtime: $major (known: 8 9 10)"
    [ "$(cat "$dir/$major/.complete" 2>/dev/null)" = "${version[$major]}" ] || missing+=("$major")
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v dotnet >/dev/null || die "the .NET SDK is missing: see https://dotnet.microsoft.com/download"
muxer=$(readlink -f "$(command -v dotnet)")
# A wrapper script may stand in front of the muxer: ask the SDK itself where it lives.
[ "$(head -c 4 "$muxer")" = $'\x7fELF' ] || muxer=$(dotnet --list-sdks | sed -n '1s/.*\[\(.*\)\/sdk\]$/\1\/dotnet/p')
[ -x "$muxer" ] || die "cannot find the dotnet host of the installed SDK"

mkdir -p "$dir"
work=$(mktemp -d)
wanted=()
for major in "${missing[@]}"; do wanted+=("${version[$major]}"); done
packages=$(restore_packs "${wanted[@]}")
for major in "${missing[@]}"; do
    lay_out "${packages%/}" "$major"
    echo "runtimes.sh: .NET ${version[$major]} is in $dir/$major"
done
