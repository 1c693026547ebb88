#!/usr/bin/env bash
# Builds the C# programs that tests, demo and bench run: scripts/apps.sh [PROJECT...]
#
# Takes every project of tests/apps/ and examples/, or only those named. Each lands in build/apps/NAME/, as the
# Directory.Build.props beside them say.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
# No build server stays behind: it would be one more .NET process for the tests to stumble over.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0

roots=()
for root in tests/apps examples; do
    if [[ -d $root ]]; then roots+=("$root"); fi
done
((${#roots[@]})) || exit 0

out=build/apps
mkdir -p "$out"
exec 9>"$out/.lock"
flock 9

projects=()
while IFS= read -r project; do
    name=$(basename "$project")
    name=${name%.*proj}
    if (($# == 0)) || [[ " $* " == *" $name "* ]]; then projects+=("$project"); fi
done < <(find "${roots[@]}" -name '*.*proj' -not -path '*/bin/*' -not -path '*/obj/*' | LC_ALL=C sort)
if ((${#projects[@]} == 0)); then
    (($# == 0)) && exit 0
    echo "scripts/apps.sh: no such project: $*" >&2
    exit 1
fi

stamp=$out/.stamp-$(printf '%s\n' "${projects[@]}" | cksum | tr -d ' ')
if [[ -e $stamp && -z $(find "${roots[@]}" global.json -newer "$stamp" -print -quit 2>/dev/null) ]]; then
    echo "The applications are up to date."
    exit 0
fi

solution=$out/apps.slnx
{
    echo '<Solution>'
    printf '  <Project Path="../../%s" />\n' "${projects[@]}"
    echo '</Solution>'
} >"$solution"
touch "$out/.started"
dotnet build "$solution" -c Release -p:UseSharedCompilation=false -v quiet -clp:NoSummary

for project in "${projects[@]}"; do
    name=$(basename "$project")
    name=${name%.*proj}
    [[ -f $out/$name/$name.dll ]] || { echo "scripts/apps.sh: $project did not leave $out/$name/$name.dll" >&2; exit 1; }
done
mv "$out/.started" "$stamp"
