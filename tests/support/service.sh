# shellcheck shell=bash
# service.sh - what the start scripts of throw-away services share; to be sourced by a bash script that has set
#
#   name   its own name, for messages
#   dir    the folder of the service, absolute
#   mark   words that the command line of each of its processes holds, and nobody else's
#
# Processes are known by pid files in $dir; all listen on 127.0.0.1.

fail() {
    echo "$name: $*" >&2
    exit 1
}

absent() { # what is not installed is no failure
    echo "$name: $*" >&2
    exit 77
}

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# find_ports STEP OFFSET...: prints the first port of STEP of which those at the offsets are free. Below the
# range that the kernel gives out to clients.
find_ports() {
    local step=$1 port tries offset taken
    shift
    for tries in {1..50}; do
        port=$((20000 + (RANDOM * 3 + tries) % (12000 / step) * step))
        taken=
        for offset; do port_taken $((port + offset)) && taken=1; done
        [ -n "$taken" ] || {
            echo "$port"
            return
        }
    done
    fail "no free ports"
}

# A pid file counts only while the process still bears our mark: pids are used again.
alive() {
    local pid
    pid=$(cat "$dir/$1.pid" 2>/dev/null) || return 1
    { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qF -- "$mark" || return 1
    echo "$pid"
}

run() { # run NAME COMMAND...: in the background, in a session of its own
    local process=$1
    shift
    alive "$process" >/dev/null && return
    setsid "$@" </dev/null >>"$dir/$process.log" 2>&1 9>&- &
    echo $! >"$dir/$process.pid"
    # Until it bears our mark: a busy machine takes its time between the fork and the exec.
    for _ in {1..50}; do
        alive "$process" >/dev/null && return
        kill -0 "$!" 2>/dev/null || return 0
        sleep 0.1
    done
}

halt() { # halt NAME SIGNAL
    local pid i
    pid=$(alive "$1") || return 0
    kill "-$2" "$pid" 2>/dev/null || true
    for ((i = 0; i < 300; i++)); do
        alive "$1" >/dev/null || break
        [ "$i" != 200 ] || kill -KILL "$pid" 2>/dev/null || true
        sleep 0.1
    done
    rm -f "$dir/$1.pid"
}

wait_until() { # wait_until PROCESS COMMAND...: a minute at most
    local process=$1 end=$((SECONDS + 60))
    shift
    until "$@" >/dev/null 2>&1; do
        alive "$process" >/dev/null || fail "$process ended: $(tail -n 3 "$dir/$process.log")"
        [ "$SECONDS" -lt "$end" ] || fail "$process does not answer: $(tail -n 3 "$dir/$process.log")"
        sleep 0.1
    done
}

# $dir/tls: ca.crt and, signed by it for 127.0.0.1, localhost and *.localhost, server.crt and server.key.
make_tls() {
    [ -s "$dir/tls/server.crt" ] && return
    mkdir -p "$dir/tls"
    (
        cd "$dir/tls"
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=CA of a test" \
            -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
            -keyout ca.key -out ca.crt
        openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr
        printf '%s\n' "subjectAltName=DNS:localhost,DNS:*.localhost,DNS:*.s3.localhost,IP:127.0.0.1" \
            extendedKeyUsage=serverAuth basicConstraints=CA:FALSE >extensions
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
            -extfile extensions -out server.crt
    ) >"$dir/tls.log" 2>&1 || fail "openssl failed: $(tail -n 3 "$dir/tls.log")"
}

usage() { # the comment at the head of the script
    sed -n '2,/^set -euo/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
}
