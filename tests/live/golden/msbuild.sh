#!/usr/bin/env bash
# Another program that nobody here wrote: MSBuild, with all of its own methods instrumented and every gate open. What it builds
# is the same, and runs the same.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"

sdk=$(dotnet --list-sdks | sed -nE 's/^(10\.[^ ]+) \[(.*)\]$/\2\/\1/p' | tail -1)
ok 'the SDK has MSBuild' test -f "$sdk/MSBuild.dll"
mkdir "$work/project"
cat >"$work/project/p.csproj" <<'EOF'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <UseAppHost>false</UseAppHost>
    <NuGetAudit>false</NuGetAudit>
    <UseSharedCompilation>false</UseSharedCompilation>
    <Deterministic>true</Deterministic>
    <DebugType>none</DebugType>
  </PropertyGroup>
</Project>
EOF
cat >"$work/project/Program.cs" <<'EOF'
using System;
using System.Linq;
Console.WriteLine(string.Join(" ", Enumerable.Range(1, 10).Select(n => n * n)));
EOF

# build WHERE COMMAND...: what was built is in $work/WHERE.
build() {
    local where=$1
    shift
    mkdir "$work/$where"
    "$@" dotnet exec "$sdk/MSBuild.dll" "$work/project/p.csproj" -restore -t:Rebuild -nodeReuse:false -m:1 -nologo -v:q \
        >"$work/$where/log" 2>"$work/$where/err" </dev/null
    ok "$where: the build succeeds" equal "$?" 0
    cp "$work/project/bin/Debug/net10.0/p.dll" "$work/$where/"
    ok "$where: it prints what it should" equal "$(dotnet "$work/project/bin/Debug/net10.0/p.dll")" '1 4 9 16 25 36 49 64 81 100'
}

build plain
build woven "$rejit" run --watch 'Microsoft.Build*!*' --watch 'MSBuild!*' --watch 'NuGet*!*' --max-methods 1000000 -o /dev/null --
ok 'byte for byte the same' cmp "$work/plain/p.dll" "$work/woven/p.dll"
ok 'the same words' cmp "$work/plain/log" "$work/woven/log"
ok 'hundreds of thousands of calls' test \
    "$(sed -nE 's/^rejit: ([0-9,]+) calls(, ([0-9,]+) dropped)?.*\(target exited\)$/\1 \3/p' "$work/woven/err" | tr -d , |
        awk '{ print $1 + $2 }')" -ge 100000
finish
