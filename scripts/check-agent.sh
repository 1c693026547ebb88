#!/usr/bin/env bash
# What the agent may be: needs libc alone, exports its two entry points, cannot be unloaded, binds all at load, and has
# no TLS of its own (why: src/probe/thread.c): scripts/check-agent.sh LIBRARY
set -euo pipefail

library=$1
bad=0
complain() {
    echo "$library: $1" >&2
    bad=1
}
dynamic=$(readelf -dW "$library")
needed=$(sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p' <<<"$dynamic" | grep -vxE 'libc\.so\.6|ld-linux-[a-z0-9-]+\.so\.[0-9]' || true)
[[ -z $needed ]] || complain "needs $needed"
grep -q 'NODELETE' <<<"$dynamic" || complain "can be unloaded"
grep -q 'NOW' <<<"$dynamic" || complain "binds symbols lazily"
exports=$(nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | LC_ALL=C sort | tr '\n' ' ')
[[ $exports == 'DllCanUnloadNow DllGetClassObject ' ]] || complain "exports $exports"
if nm -D --undefined-only "$library" | grep -qE '__tls_get_addr|__asan|__ubsan'; then
    complain "uses __tls_get_addr or a sanitizer"
fi
if readelf -lW "$library" | grep -qE '^ *TLS '; then complain "has thread-local variables"; fi
((bad == 0)) && echo "The agent needs libc alone and has no TLS."
exit "$bad"
