#!/usr/bin/env bash
# A database of the shape of a Supabase project (tests/support/project.sql): what of it is backed up, and what comes into
# another project and into a plain PostgreSQL. The server's superuser takes the place of the platform.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# Two servers: roles belong to a server, so a project is one.
pg_up source
psql -qX -d postgres -f "$top/tests/support/project.sql" >"$work/setup" 2>&1 || { cat "$work/setup" >&2 && exit 1; }
psql -qX -d postgres -f "$top/tests/support/project_content.sql" >"$work/setup" 2>&1 || { cat "$work/setup" >&2 && exit 1; }
export PGKEEP_CATALOG=$work/catalog.db
cat >"$work/pgkeep.conf" <<END
sources: { project: { conninfo = "host=$PGHOST port=$PGPORT user=owner dbname=postgres"; password = "only-a-test"; profile = "supabase"; }; };
stores: { nas: { type = "dir"; path = "$work/nas"; }; };
jobs: { nightly: { source = "project"; stores = [ "nas" ]; schedule = "0 3 * * *"; }; };
END
chmod 600 "$work/pgkeep.conf"
pg() { run "$pgkeep" --config "$work/pgkeep.conf" "$@"; }
in_db() { psql -qXAt -d "$1" -c "$2"; }

# --- before the first night
pg doctor
like "doctor says what will be left out" "$out" "left out: schemas of the platform"
like "and what leaves the project in a month" "$out" 'egress of "postgres": up to .* a backup, .* in 30 days \(30 runs\)'

# --- the backup
pg backup nightly
is "a project is backed up" "$status" 0
is "its roles are a second artifact of the same run" "$(wc -w <<<"$out")" 2
pg show latest:nightly --json
id=$(jq -r .id <<<"$out")
is "the profile stands in the filters, by its name alone" "$(jq -c .filters <<<"$out")" '[{"option":"profile","pattern":"supabase"}]'
is "what was left out, and what no dump holds, is told" "$(jq -r '[.contents[].kind] | unique | join(" ")' <<<"$out")" "elsewhere extension left_out"
is "rows of auth and storage are in it; those of vault and realtime, and the platform's migrations, are not" \
    "$(jq -r '.tables[] | select(.schema != "public") | "\(.schema).\(.name) \(.rows)"' <<<"$out" | sort | paste -sd,)" \
    "auth.refresh_tokens 500,auth.users 500,storage.buckets 1,storage.objects 50,supabase_functions.hooks 1,supabase_migrations.schema_migrations 1"
pg show latest:nightly
like "show says it in words" "$out" "not in it +secrets of the vault"
roles=$("$pgkeep" --config "$work/pgkeep.conf" list --type globals --json | jq -r '.artifacts[0].id')
pg fetch "$roles" --decode --output -
unlike "no password of a role is in the artifact of roles" "$out" "PASSWORD"
pg catalog rebuild
is "a catalog made anew knows the same" "$("$pgkeep" --config "$work/pgkeep.conf" show "$id" --json | jq '.contents | length')" 7

pg restore "$id" --list --profile supabase
unlike "--list shows no table of the platform" "$out" 'table auth\.users'
like "but its rows, and what users hang on it" "$out" 'rows auth\.users.*500'
like "policies of users among it" "$out" 'policy "?avatars are public'

# --- into another project
pg_up target
psql -qX -d postgres -f "$top/tests/support/project.sql" >"$work/setup" 2>&1 || { cat "$work/setup" >&2 && exit 1; }
psql -qX -d postgres -c "ALTER ROLE owner SUPERUSER" # what the platform allows `postgres` beyond its rights
into="host=$PGHOST port=$PGPORT user=owner dbname=postgres password=only-a-test"
pg restore "$roles" --profile supabase --to "$into"
is "roles: only those of the user are made" "$status $(in_db postgres "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname IN ('reporting', 'anon')")" "0 anon reporting"
unlike "and nothing is said of those that are there" "$err" "already exists"
for n in 1 2; do
    pg restore "$id" --profile supabase --parallel "$n" --to "$into"
    is "restored into a project by $n connection(s)" "$status" 0
    [ "$status" = 0 ] || diag "$err"
    like "what the project has already is named" "$err" "definitions of schema auth, which the project has"
    like "and how to bring the history of migrations" "$err" "supabase_migrations brings it"
    for table in auth.users auth.refresh_tokens storage.objects public.profiles public.orders supabase_functions.hooks; do
        is "rows of $table are equal ($n)" "$(in_db postgres "SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM $table t")" \
            "$(PGHOST=$(pg_use source && echo "$PGHOST") PGPORT=$(pg_use source && echo "$PGPORT") psql -qXAt -d postgres -c "SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM $table t")"
    done
    is "a user sees his own profile ($n)" "$(in_db postgres "SET request.jwt.claim.sub = '$(in_db postgres "SELECT md5('u7')::uuid")'; SET ROLE authenticated; SELECT nick FROM profiles")" nick7
    is "a visitor sees what a policy shows ($n)" "$(in_db postgres "SET ROLE anon; SELECT count(*) FROM profiles")" 50
    is "and files by a policy on a table of the platform ($n)" "$(in_db postgres "SET ROLE anon; SELECT count(*) FROM storage.objects")" 50
    is "a trigger of the user on auth.users works ($n)" "$(in_db postgres "INSERT INTO auth.users (id, email) VALUES (md5('n')::uuid, 'n'); SELECT nick FROM profiles WHERE id = md5('n')::uuid")" new
    is "rights of the user's roles are there ($n)" "$(in_db postgres "SET ROLE reporting; SELECT count(*) FROM orders")" 20000
    is "tables are in the publication of the platform ($n)" "$(in_db postgres "SELECT tablename FROM pg_publication_tables WHERE pubname = 'supabase_realtime'")" orders
    is "the next number of a sequence of auth ($n)" "$(in_db postgres "SELECT nextval('auth.refresh_tokens_id_seq')")" 501
    is "the history of migrations stays away ($n)" "$(in_db postgres "SELECT to_regclass('supabase_migrations.schema_migrations')")" ""
    is "the platform's own things are what they were ($n)" "$(in_db postgres "SELECT tableowner FROM pg_tables WHERE tablename = 'users'; SELECT evtname FROM pg_event_trigger; SELECT count(*) FROM auth.schema_migrations" | paste -sd' ')" "supabase_auth_admin pgrst_ddl_watch 0"
    pg restore "$id" --profile supabase --to "$into"
    is "a project that has tables of a user is refused ($n)" "$status" 4
    if [ "$n" = 1 ]; then
        pg restore "$id" --profile supabase --schema supabase_migrations --into-nonempty --to "$into"
        is "the history of migrations, asked for" "$status $(in_db postgres "SELECT count(*) FROM supabase_migrations.schema_migrations")" "0 1"
        psql -qX -d postgres >/dev/null 2>&1 <<END
DROP TABLE public.orders, public.profiles CASCADE; DROP FUNCTION public.handle_new_user CASCADE; DROP SCHEMA supabase_migrations CASCADE;
TRUNCATE auth.users, auth.refresh_tokens, storage.objects, storage.buckets, supabase_functions.hooks CASCADE;
DROP POLICY "avatars are public" ON storage.objects;
END
    fi
done

# --- into a plain PostgreSQL
pg_up plain
plain="host=$PGHOST port=$PGPORT user=postgres"
pg restore "$roles" --to "$plain dbname=postgres"
is "the roles into a plain server" "$status" 0
pg restore "$id" --create --no-owner --to "$plain dbname=copy"
is "the database into a plain server" "$status" 0
[ "$status" = 0 ] || diag "$err"
is "with its users" "$(in_db copy "SELECT count(*) FROM auth.users")" 500
is "and its policies" "$(in_db copy "SET ROLE anon; SELECT count(*) FROM profiles")" 50

# --- through a pooler that is known by a private authority alone (what a project's pooler is)
if command -v pgbouncer >/dev/null && command -v openssl >/dev/null; then
    pg_use source
    mkdir "$work/pool"
    (cd "$work/pool" && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=an authority" -keyout ca.key -out ca.pem &&
        openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout key.pem -out csr.pem &&
        openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile <(echo subjectAltName=DNS:localhost) -out cert.pem) >"$work/openssl" 2>&1
    port=$(free_port)
    for mode in session transaction; do
        cat >"$work/pool/pgbouncer.ini" <<END
[databases]
* = host=$PGHOST port=$PGPORT
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = trust
auth_file = $work/pool/users
pidfile = $work/pool/pid
pool_mode = $mode
client_tls_sslmode = require
client_tls_key_file = $work/pool/key.pem
client_tls_cert_file = $work/pool/cert.pem
ignore_startup_parameters = extra_float_digits
END
        echo '"owner" "only-a-test"' >"$work/pool/users"
        [ "$(id -u)" != 0 ] || chown -R postgres "$work/pool"
        as_postgres pgbouncer -q "$work/pool/pgbouncer.ini" >"$work/pool.log" 2>&1 &
        pooler=$!
        at_exit+=("kill \"\$(cat '$work/pool/pid' 2>/dev/null)\" 2>/dev/null")
        pool="host=localhost port=$port user=owner dbname=postgres sslmode=verify-full"
        for ((tries = 0; tries < 100; tries++)); do
            psql -XqAt "$pool sslrootcert=$work/pool/ca.pem" -c 'SELECT 1' >/dev/null 2>&1 && break
            sleep 0.1
        done
        run "$pgkeep" backup --profile supabase --source "$pool sslrootcert=$work/pool/ca.pem" --store "dir:$work/pooled"
        if [ "$mode" = session ]; then
            is "a backup through a pooler in session mode, over TLS" "$status" 0
            run "$pgkeep" backup --profile supabase --source "$pool" --store "dir:$work/pooled"
            is "without the file of its authority nothing is sent" "$status" 4
            like "and the error says what is missing" "$err" "certificate"
        else
            is "transaction mode is found out, whatever its address" "$status" 4
            like "and explained" "$err" "session mode"
        fi
        kill "$(cat "$work/pool/pid")"
        wait "$pooler"
    done
else
    skip "poolers" "pgbouncer is not installed"
fi

# --- addresses: told before anything is asked, so no server is needed
for mode in aws-0-eu-central-1.pooler.supabase.com db.abcdefghijklmnopqrst.supabase.co; do
    run "$pgkeep" backup --source "host=$mode port=6543 user=postgres.abcdefghijklmnopqrst dbname=postgres" --store "dir:$work/nas"
    is "transaction pooling of $mode is refused" "$status" 4
    like "with the address that was meant" "$err" "host=$mode port=5432 user=postgres.abcdefghijklmnopqrst"
done
finished
