#!/usr/bin/env bash
# Goal: schedules are due when others say so. systemd-analyze calendar is asked about lines that restrict the day of
# month or the day of the week but not both (its OnCalendar knows no "either"), in several zones between their clock
# changes; PyPI's croniter, which knows Vixie's rule for days, about all lines, in UTC. PGKEEP_SEED=N repeats a run.
seed=${PGKEEP_SEED:-20261121}
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
times=20 by_systemd=110 by_croniter=400
RANDOM=$((seed % 32768))
diag "seed $seed"
schedule=$build/tests/schedule
weekdays=(Sun Mon Tue Wed Thu Fri Sat)

# item MIN MAX sets $item to one of: *  a  a-b  a,b  */n  a-b/n
item() {
    local min=$1 max=$2 a b n
    a=$((min + RANDOM % (max - min + 1))) n=$((2 + RANDOM % 3))
    b=$((a + RANDOM % (max - a + 1)))
    case $((RANDOM % 8)) in
    0 | 1) item='*' ;;
    2 | 3) item=$a ;;
    4) if ((b > a)); then item=$a-$b; else item=$a; fi ;; # croniter takes "4-4" for "*"
    5) item=$a,$b ;;
    6) item="*/$n" ;;
    *) if ((b > a && b - a >= n)); then item=$a-$b/$n; else item=$a; fi ;;
    esac
}
random_line() { # sets $fields
    local f bounds=(0 59 0 23 1 31 1 12 0 6)
    fields=()
    for f in 0 1 2 3 4; do
        item "${bounds[2 * f]}" "${bounds[2 * f + 1]}"
        fields+=("$item")
    done
    # Days that only some years have would take decades to come twenty times.
    [[ ${fields[2]} != *[23][0-9]* ]] || fields[2]=$((1 + RANDOM % 28))
}
is_either() { [[ ${fields[2]} != \** && ${fields[4]} != \** ]]; }

# The same as OnCalendar= says it.
as_calendar() {
    local f out=() min=(0 0 1 1) days="" d from to step=1
    for f in 0 1 2 3; do
        case ${fields[f]} in
        '*/'*) out+=("${min[f]}/${fields[f]#*/}") ;;
        *) out+=("${fields[f]//-/..}") ;;
        esac
    done
    case ${fields[4]} in
    '*') ;;
    *,*) days="${weekdays[${fields[4]%,*}]},${weekdays[${fields[4]#*,}]} " ;;
    *)
        from=0 to=6
        [[ ${fields[4]} != */* ]] || step=${fields[4]#*/}
        d=${fields[4]%/*}
        [ "$d" = '*' ] || { from=${d%-*} to=${d#*-}; }
        for ((d = from; d <= to; d += step)); do days+="${weekdays[d]},"; done
        days="${days%,} "
        ;;
    esac
    echo "$days*-${out[3]}-${out[2]} ${out[1]}:${out[0]}:00"
}

if command -v systemd-analyze >/dev/null && systemd-analyze calendar --base-time='2026-11-01 UTC' daily >/dev/null 2>&1; then
    # From here on no clock of these zones changes for some months; what is later is not compared.
    zones=(UTC Europe/Berlin America/St_Johns Australia/Lord_Howe Pacific/Apia Asia/Kathmandu)
    begin=$(date -d '2026-04-06 00:00 UTC' +%s) until=$(date -d '2026-09-25 00:00 UTC' +%s)
    compared=0 bad=0
    for ((n = 0; n < by_systemd; n++)); do
        random_line
        is_either && fields[4]='*'
        zone=${zones[n % ${#zones[@]}]}
        after=$((begin + RANDOM * 32768 % 8000000))
        ours=$(echo "$zone $times $after ${fields[*]}" | "$schedule")
        calendar="$(as_calendar) $zone"
        theirs=$(systemd-analyze calendar --iterations=$times --base-time="@$after" "$calendar" 2>&1 |
            sed -nE 's/^ *(Next elapse|Iter\. #[0-9]+): [A-Z][a-z]+ (.*)$/\2/p' | date -f - +%s | tr '\n' ' ')
        read -ra a <<<"$ours"
        read -ra b <<<"$theirs"
        # Of a time that is due at `after` itself both say the next one.
        for ((i = 0; i < times; i++)); do
            [ "$zone" = UTC ] || [ "${a[i]:-0}" -lt "$until" ] || break
            compared=$((compared + 1))
            [ "${a[i]:-}" = "${b[i]:-}" ] || {
                bad=$((bad + 1))
                diag "\"${fields[*]}\" in $zone after $after: ${a[i]:-} instead of ${b[i]:-} ($calendar)"
                break
            }
        done
    done
    is "$compared due times are those of systemd-analyze" "$bad" 0
    ok "which are enough to say something" test "$compared" -ge 1000
else
    skip "due times are those of systemd-analyze" "systemd-analyze is not installed (package systemd)"
fi

# A virtual environment of its own: nothing is installed on the machine.
python=python3
if ! python3 -c 'import croniter' 2>/dev/null && python3 -m venv "$work/venv" >/dev/null 2>&1 &&
    timeout 60 "$work/venv/bin/pip" -q install croniter >/dev/null 2>&1; then
    python=$work/venv/bin/python
fi
if $python -c 'import croniter' 2>/dev/null; then
    for ((n = 0; n < by_croniter; n++)); do
        random_line
        echo "UTC $times $((1500000000 + RANDOM * 32768 % 800000000)) ${fields[*]}"
    done >"$work/lines"
    "$schedule" <"$work/lines" >"$work/ours"
    # implement_cron_bug: a field that begins with * is free, also with a step; so Vixie's cron has it.
    $python - "$work/lines" >"$work/theirs" <<'PYTHON'
import sys
from croniter import croniter
for line in open(sys.argv[1]):
    _, times, after, fields = line.split(None, 3)
    it = croniter(fields.strip(), float(after), implement_cron_bug=True)
    print(*(int(it.get_next()) for _ in range(int(times))))
PYTHON
    is "$((by_croniter * times)) due times are those of croniter" \
        "$(paste -d'|' "$work/lines" "$work/ours" "$work/theirs" | awk -F'|' '$2 != $3' | head -3)" ""
    is "which were as many as there are lines" "$(wc -l <"$work/theirs")" "$by_croniter"
else
    skip "due times are those of croniter" "PyPI's croniter cannot be installed here (python3, its venv, a package index)"
fi
finished
