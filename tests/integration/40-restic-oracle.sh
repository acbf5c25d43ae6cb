#!/usr/bin/env bash
# Goal: keep_last, keep_hourly … keep_yearly choose what restic's `forget` chooses, over thousands of random
# cases: HOSTS histories of SNAPSHOTS random instants over years, each planned under POLICIES random
# policies, in UTC. PGKEEP_SEED=N repeats a run.
seed=${PGKEEP_SEED:-20261121}
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
hosts=16 snapshots=25 policies=160 workers=6
RANDOM=$((seed % 32768))
diag "seed $seed"

for program in restic jq openssl; do
    command -v "$program" >/dev/null || skip_all "$program is not installed (package $program)"
done
openssl kdf -keylen 64 -kdfopt pass:x -kdfopt hexsalt:00 -kdfopt n:2 -kdfopt r:1 -kdfopt p:1 SCRYPT >/dev/null 2>&1 ||
    skip_all "this openssl has no scrypt"

export RESTIC_REPOSITORY=$work/repository RESTIC_PASSWORD=only-a-test
quiet_restic() { restic --quiet --no-cache "$@"; }
from_hex() { tr -d ':\n' | tr a-f A-F | basenc --decode --base16; }
to_hex() { basenc --base16 --wrap=0 | tr A-F a-f; }

# restic spends half a second of every call on its password. This puts a key in place that costs nothing:
# the same master key, sealed (AES-256-CTR, Poly1305-AES) under scrypt with the smallest parameters.
cheapen_key() {
    local salt nonce key pad mac data json
    salt=$(openssl rand -hex 64) nonce=$(openssl rand -hex 16)
    key=$(openssl kdf -keylen 64 -kdfopt "pass:$RESTIC_PASSWORD" -kdfopt "hexsalt:$salt" \
        -kdfopt n:2 -kdfopt r:1 -kdfopt p:1 SCRYPT | tr -d ':\n')
    quiet_restic --no-lock cat masterkey | jq -jc . |
        openssl enc -aes-256-ctr -K "${key:0:64}" -iv "$nonce" -out "$work/sealed" || return 1
    pad=$(from_hex <<<"$nonce" | openssl enc -aes-128-ecb -nopad -K "${key:64:32}" | to_hex)
    mac=$(openssl mac -macopt "hexkey:${key:96:32}$pad" -in "$work/sealed" POLY1305)
    data=$({ from_hex <<<"$nonce" && cat "$work/sealed" && from_hex <<<"$mac"; } | base64 --wrap=0)
    json=$(jq -nc --arg salt "$(from_hex <<<"$salt" | base64 --wrap=0)" --arg data "$data" \
        '{created: "2026-01-01T00:00:00Z", username: "test", hostname: "test", kdf: "scrypt", N: 2, r: 1, p: 1,
          salt: $salt, data: $data}')
    rm "$RESTIC_REPOSITORY"/keys/*
    printf %s "$json" >"$RESTIC_REPOSITORY/keys/$(printf %s "$json" | sha256sum | cut -d' ' -f1)"
    quiet_restic --no-lock list keys >/dev/null
}

# One line "HOST YYYY-MM-DD HH:MM:SS" per snapshot; a host's steps are minutes, hours, days or months.
make_times() {
    local host number step time steps=(900 7200 28800 86400 259200 864000 2592000 7776000)
    for ((host = 0; host < hosts; host++)); do
        step=${steps[host % ${#steps[@]}]}
        time=$((1795500000 - (RANDOM * 32768 + RANDOM) % 90000000))
        for ((number = 0; number < snapshots; number++)); do
            printf 'h%02d %(%F %T)T\n' "$host" "$time"
            time=$((time - 1 - (RANDOM * 32768 + RANDOM) % (2 * step)))
        done
    done
}

# Every workers-th line, in a repository of its own: restic waits for other writers.
take_snapshots() { # take_snapshots NUMBER
    local host time RESTIC_REPOSITORY=$work/repository-$1
    awk -v n="$1" -v w="$workers" 'NR % w == n' "$work/times" | while read -r host time; do
        quiet_restic backup --time "$time" --host "$host" "$work/file" </dev/null || exit 1
    done
}

make_repository() {
    local number pids=()
    quiet_restic init >/dev/null && cheapen_key || return 1
    echo content >"$work/file"
    make_times >"$work/times"
    for ((number = 0; number < workers; number++)); do
        cp -r "$RESTIC_REPOSITORY" "$work/repository-$number"
        take_snapshots "$number" &
        pids+=($!)
    done
    for number in "${pids[@]}"; do wait "$number" || return 1; done
    # One master key and names by hash: together they are one repository.
    for ((number = 0; number < workers; number++)); do
        cp -rf "$work/repository-$number/." "$RESTIC_REPOSITORY"
    done
}

# A policy as lines "last 3"; at least one rule, or restic keeps nothing and refuses.
make_policy() {
    local rule one=""
    for rule in last hourly daily weekly monthly yearly; do
        ((RANDOM % 3 == 0)) && one=yes && echo "$rule $((1 + RANDOM % (RANDOM % 4 == 0 ? 30 : 8)))"
    done
    [ -n "$one" ] || echo "daily $((1 + RANDOM % 10))"
}

kept_by_restic() { # POLICY: "HOST TIME" of what stays, sorted
    local rule count options=()
    while read -r rule count; do options+=("--keep-$rule" "$count"); done <<<"$1"
    quiet_restic --no-lock forget --dry-run --json --group-by host "${options[@]}" </dev/null |
        jq -r '.[] | .host as $host | .keep[] | $host + " " + (.time | sub("\\..*Z"; "Z"))' | sort
}

kept_by_us() { # reads policies, one case each; answers with lines "NUMBER HOST TIME"
    jq -c --slurpfile artifacts "$work/artifacts" \
        '{policy: ., now: "2027-01-01T00:00:00Z", artifacts: $artifacts[0]}' |
        "$build/tests/plan_cli" |
        jq -nr 'foreach inputs as $plan (0; . + 1; . as $number | $plan |
                if .error then error(.error) else .keep[] | "\($number) \(.id)" end)'
}

begin=$SECONDS
make_repository || { fail "the repository" && finished && exit 1; }
is "restic holds every snapshot" "$(quiet_restic --no-lock snapshots --json | jq length)" $((hosts * snapshots))
diag "$((hosts * snapshots)) snapshots in $((SECONDS - begin)) s"
# The newest has the highest seq, or the floor "newest by sequence" would keep another one.
jq -Rn '[inputs | split(" ") | {id: (.[0] + " " + .[1] + "T" + .[2] + "Z"), group: .[0],
         time: (.[1] + "T" + .[2] + "Z"), size: 1, state: "complete"}] |
        sort_by(.time) | to_entries | map(.value + {seq: .key})' <"$work/times" >"$work/artifacts"

for ((number = 1; number <= policies; number++)); do make_policy >"$work/policy-$number"; done
for ((number = 1; number <= policies; number++)); do
    jq -Rnc '[inputs | split(" ") | {("keep_" + .[0]): (.[1] | tonumber)}] | add' <"$work/policy-$number"
done | kept_by_us >"$work/ours"

cases=0
for ((number = 1; number <= policies; number++)); do
    policy=$(cat "$work/policy-$number")
    wanted=$(kept_by_restic "$policy")
    got=$(sed -n "s/^$number //p" "$work/ours" | sort)
    agreeing=$(for ((host = 0; host < hosts; host++)); do
        printf -v name 'h%02d ' "$host"
        [ "$(grep "^$name" <<<"$got")" = "$(grep "^$name" <<<"$wanted")" ] && echo "$host"
    done | wc -l)
    cases=$((cases + agreeing))
    is "$hosts cases of ${policy//$'\n'/ }" "$got" "$wanted"
done
ok "at least 2000 cases agree" [ "$cases" -ge 2000 ]
diag "$cases of $((hosts * policies)) cases agree, $((SECONDS - begin)) s"
finished
