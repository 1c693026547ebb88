#!/usr/bin/env bash
# A program in a mount and pid namespace of its own, as in a container: its temporary folder and its pid are others than ours,
# and the agent's file is not to be seen there. And a program of another user.
# shellcheck source-path=SCRIPTDIR source=golden.sh
. "$(dirname "$0")/golden.sh"

inside=$work/inside
mkdir "$inside"
chmod go+rx "$work" "$inside"
# As root, or else as the root of a user namespace.
namespaces=(unshare --mount --pid --fork)
[ "$(id -u)" = 0 ] || namespaces=(unshare --user --map-root-user --mount --pid --fork)

# Within a container that may make no namespaces there is nothing to look at but that (the unit tests of client have a copy).
if ! "${namespaces[@]}" true 2>"$work/refused"; then
    ok 'the kernel allows no namespaces here' grep -q 'unshare failed' "$work/refused"
    finish
    exit
fi

# contain SIZE: starts Target with so much room in its temporary folder, and without the agent's file.
contain() {
    rm -f "$work/app.in" "$work/app.out"
    mkfifo "$work/app.in" "$work/app.out"
    "${namespaces[@]}" bash -c "
        mount -t tmpfs none '$build/lib' && mount -t tmpfs -o 'size=$1' none '$inside' &&
        export TMPDIR='$inside' && exec '$dotnet' '$apps/Target/Target.dll'" <"$work/app.in" >"$work/app.out" 2>"$work/app.err" &
    app_job=$!
    speak
    ok 'the program knows itself by another pid' test "$pid" -lt 10
    pid=$(child_of "$app_job")
}

contain 64k
check 'no room for the copy of the agent' 3 attach "$pid" <<'EOF'
! rejit: copying the agent to /proc/PID/rootTMP/inside/rejit-agent-0.1.0-HASH.so: No space left on device: make room there and try again
EOF
ok 'nothing of it is left' test -z "$(find "/proc/$pid/root$inside" -name 'rejit*')"
app call Work.Add 1 2
ok 'the program goes on' equal "$answer" 'ok Work.Add 3'
check 'doctor' 0 doctor "$pid" <<'EOF'
ok       process              build/runtimes/RUNTIME/dotnet build/apps/Target/Target.dll
ok       user                 belongs to USER
ok       state                running
ok       container            another mount namespace, reached through /proc/PID/root
ok       diagnostics          /proc/PID/rootTMP/inside/dotnet-diagnostic-1-KEY-socket
ok       runtime              .NET VERSION, linux-x64, entry assembly Target
ok       published            runs on an installed framework
ok       profiler             none was loaded at start-up
ok       agent file           build/lib/librejit_agent.so
ok       temporary directory  /proc/PID/rootTMP/inside
ok       hot reload           Edit and Continue is off
ok       debugger             no managed debugger is attached
EOF
if [ "$(id -u)" = 0 ]; then
    nsenter -t "$pid" -m mount -o remount,ro "$inside"
    check 'a temporary folder that cannot be written' 3 attach "$pid" <<'EOF'
! rejit: copying the agent to /proc/PID/rootTMP/inside/rejit-agent-0.1.0-HASH.so: Read-only file system: mount a writable directory there, or set TMPDIR for the process
EOF
fi
stop
contain 8m
check 'with room it works' 0 attach "$pid" <<'EOF'
process PID, .NET VERSION: agent 0.1.0 put in, attached, ready
EOF
ok 'the agent was copied' test "$(find "/proc/$pid/root$inside" -name 'rejit-agent-0.1.0-*.so' | wc -l)" = 1
begin watch watch "$pid" Target.Work.Add --return --json
app call Work.Add 1 2
end 'watch in a container' watch 0 <<'EOF'
{"event":"start","methods":1,"refused":[]}
{"time":TIME,"pid":PID,"thread":TID,"method":"Target.Work.Add(int,int)","module":"Target.dll","event":"return","elapsed_ns":NS,"args":{"left":1,"right":2},"return":3}
{"event":"end","calls":1,"dropped":0,"in_flight":0,"reason":"interrupted"}
EOF
ok 'ps sees into it' grep -qE "\"pid\":$pid,\"runtime\":\"$version\",\"entry\":\"Target\",.*\"agent\":true" <("$rejit" ps --json)
stop
ok 'it ends as ever' equal "$code" 0

# ---- a program of another user ----

if [ "$(id -u)" = 0 ]; then
    nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chmod a+rwx "$inside"
    rm -f "$work/app.in" "$work/app.out"
    mkfifo -m 666 "$work/app.in" "$work/app.out"
    # Where the tree cannot be read by everybody, it is shown to that user at another place.
    mkdir "$work/tree"
    unshare --mount bash -c "
        mount --bind '$root' '$work/tree' && export TMPDIR='$inside' &&
        exec ${nobody[*]} '$work/tree/build/runtimes/$runtime/dotnet' '$work/tree/build/apps/Target/Target.dll'" \
        <"$work/app.in" >"$work/app.out" 2>"$work/app.err" &
    app_job=$!
    speak
    begin watch watch "$pid" Target.Work.Add --return
    app call Work.Add 1 2
    end 'root looks into the process of another user' watch 0 <<'EOF'
Target.Work.Add(left: 1, right: 2) = 3
! rejit: 1 method of process PID; Ctrl-C ends
! rejit: 1 call (interrupted)
EOF
    mkdir -p "$work/installed/bin" "$work/installed/lib"
    cp "$rejit" "$work/installed/bin/"
    cp "$build"/lib/librejit*.so* "$work/installed/lib/"
    chmod -R go+rX "$work/installed"
    setpriv --reuid=1 --regid=1 --clear-groups "$work/installed/bin/rejit" watch "$pid" x >"$work/out" 2>&1
    ok 'a third user is told' equal "$?" 3
    normalised <"$work/out" >"$work/actual"
    same 'a third user is told' <<EOF
rejit: process PID belongs to user $(getent passwd 65534 | cut -d: -f1): run rejit as that user, or as root
EOF
    stop
    ok 'it ends as ever' equal "$code" 0
fi
finish
