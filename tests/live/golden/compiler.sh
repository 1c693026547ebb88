#!/usr/bin/env bash
# A program that nobody here wrote: the C# compiler of the SDK, with all of its methods instrumented and every gate open, and
# with all of the framework as well. What it compiles must be the same to the byte.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"

sdk=$(dotnet --list-sdks | sed -nE 's/^(10\.[^ ]+) \[(.*)\]$/\2\/\1/p' | tail -1)
frameworks=$(dotnet --list-runtimes | sed -nE 's/^Microsoft\.NETCore\.App (10\.[^ ]+) \[(.*)\]$/\2\/\1/p' | tail -1)
ok 'the SDK has a compiler' test -f "$sdk/Roslyn/bincore/csc.dll"

cat >"$work/Usings.cs" <<'EOF'
global using System;
global using System.Collections.Generic;
global using System.IO;
global using System.Linq;
global using System.Threading;
global using System.Threading.Tasks;
EOF
arguments=(exec "$sdk/Roslyn/bincore/csc.dll" -nologo -noconfig -nostdlib -deterministic -target:library -optimize -unsafe
    -nullable:enable -langversion:latest)
for reference in "$frameworks"/System*.dll; do
    case $reference in
    *.Native.dll) ;;
    *) arguments+=("-r:$reference") ;;
    esac
done
arguments+=("$root"/tests/apps/Protocol/*.cs "$root"/tests/apps/Late/*.cs "$work/Usings.cs")

# compile WHERE COMMAND...: the output goes to $work/WHERE/compiled.dll.
compile() {
    local where=$1
    shift
    mkdir -p "$work/$where"
    "$@" dotnet "${arguments[@]}" "-out:$work/$where/compiled.dll" >"$work/$where/out" 2>"$work/$where/err"
    ok "$where: the compiler succeeds" equal "$?" 0
    ok "$where: the compiler says nothing" test ! -s "$work/$where/out"
}

# calls_of WHERE: seen and dropped, out of `rejit: 1,234 calls, 56 dropped (target exited)`.
calls_of() {
    sed -nE 's/^rejit: ([0-9,]+) calls(, ([0-9,]+) dropped)?.*\(target exited\)$/\1 \3/p' "$work/$1/err" | tr -d , |
        awk '{ print $1 + $2 }'
}

compile plain
for pattern in 'Microsoft.CodeAnalysis*!*' '*'; do
    where=compiler
    [ "$pattern" != '*' ] || where=everything
    compile $where "$rejit" run --watch "$pattern" --max-methods 1000000 -o /dev/null --
    ok "$where: byte for byte the same" cmp "$work/plain/compiled.dll" "$work/$where/compiled.dll"
    ok "$where: millions of calls" test "$(calls_of $where)" -ge 1000000
done
finish
