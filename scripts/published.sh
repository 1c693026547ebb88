#!/usr/bin/env bash
# Builds the program Target as it is shipped without an installed runtime: scripts/published.sh [SHAPE...]
#
#   single-8, single-9, single-10   one file with the runtime, the JIT and all assemblies in it
#   composite-10                    self-contained; the core library and the program are one composite ReadyToRun image
#
# Each lands in build/apps/published/SHAPE/Target. Shapes that are newer than their sources are left alone. The packs come
# from NuGet through an ordinary restore.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0

declare -A version=([8]=8.0.33 [9]=9.0.22 [10]=10.0.14)
# What the composite image consists of beside the program; the rest of the framework stays as it comes.
bubble=(System.Private.CoreLib System.Runtime System.Collections System.Linq System.Console System.Threading
    System.Text.Encoding.Extensions System.Runtime.Loader System.Runtime.InteropServices)

root=$PWD
out=$root/build/apps/published
mkdir -p "$out"
exec 9>"$out/.lock"
flock 9

die() { echo "published.sh: $*" >&2; exit 1; }

# is_fresh SHAPE: it was built after the last change of its sources.
is_fresh() {
    [[ -e $out/$1/.complete && -z $(find tests/apps/Target tests/apps/Protocol "${BASH_SOURCE[0]}" -newer "$out/$1/.complete" -print -quit) ]]
}

# write_project FILE MAJOR SINGLE [ITEM]
write_project() {
    cat >"$1" <<PROJECT
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <AssemblyName>Target</AssemblyName>
    <TargetFramework>net$2.0</TargetFramework>
    <RuntimeFrameworkVersion>${version[$2]}</RuntimeFrameworkVersion>
    <RuntimeIdentifier>linux-x64</RuntimeIdentifier>
    <SelfContained>true</SelfContained>
    <PublishSingleFile>$3</PublishSingleFile>
    <Nullable>enable</Nullable>
    <ImplicitUsings>enable</ImplicitUsings>
    <AllowUnsafeBlocks>true</AllowUnsafeBlocks>
    <SatelliteResourceLanguages>en</SatelliteResourceLanguages>
    <EnableDefaultCompileItems>false</EnableDefaultCompileItems>
  </PropertyGroup>
  <ItemGroup>
    <Compile Include="$root/tests/apps/Target/**/*.cs" />
    <Compile Include="$root/tests/apps/Protocol/**/*.cs" />
    ${4-}
  </ItemGroup>
</Project>
PROJECT
}

# publish SHAPE: into OUT/SHAPE.
publish() {
    local shape=$1 project=$out/.$1/Target.csproj
    rm -rf "${out:?}/$shape"
    dotnet publish "$project" -c Release -v quiet -p:UseSharedCompilation=false -o "$out/$shape" >"$out/.$shape/log" 2>&1 ||
        { cat "$out/.$shape/log" >&2; die "$shape could not be published"; }
}

# compose SHAPE MAJOR: compiles the bubble into one image and puts it in the place of its parts.
compose() {
    local shape=$1 v=${version[$2]} packages pack crossgen inputs=() name
    packages=$(dotnet msbuild "$out/.$shape/Target.csproj" -getProperty:NuGetPackageRoot)
    pack=${packages%/}/microsoft.netcore.app.runtime.linux-x64/$v/runtimes/linux-x64/lib/net$2.0
    crossgen=${packages%/}/microsoft.netcore.app.crossgen2.linux-x64/$v/tools/crossgen2
    mkdir -p "$out/.$shape/image"
    for name in "${bubble[@]}"; do inputs+=("$pack/$name.dll"); done
    "$crossgen" --targetos linux --targetarch x64 -O --composite --inputbubble -r "$pack/*.dll" \
        --out "$out/.$shape/image/Target.r2r.dll" "${inputs[@]}" "$out/.$shape/bin/Release/net$2.0/linux-x64/Target.dll" \
        >"$out/.$shape/log" 2>&1 || { cat "$out/.$shape/log" >&2; die "$shape could not be compiled"; }
    cp "$out/.$shape/image/"*.dll "$out/$shape/"
}

(($#)) || set -- single-8 single-9 single-10 composite-10
for shape in "$@"; do
    major=${shape##*-}
    [[ -n ${version[$major]:-} ]] || die "no such shape: $shape"
    is_fresh "$shape" && continue
    mkdir -p "$out/.$shape"
    case $shape in
    single-*)
        write_project "$out/.$shape/Target.csproj" "$major" true
        publish "$shape"
        ;;
    composite-*)
        # PublishReadyToRun would compile the whole framework, which takes minutes.
        write_project "$out/.$shape/Target.csproj" "$major" false \
            "<PackageDownload Include=\"Microsoft.NETCore.App.Crossgen2.linux-x64\" Version=\"[${version[$major]}]\" />"
        publish "$shape"
        compose "$shape" "$major"
        ;;
    *) die "no such shape: $shape" ;;
    esac
    touch "$out/$shape/.complete"
done
