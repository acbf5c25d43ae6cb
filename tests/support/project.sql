-- A PostgreSQL set up as a Supabase project is: roles, schemas, rights, owners, policies, triggers and event triggers of
-- the platform. Our own, and small: no more of each than a backup or a restore could stumble over. For an empty server,
-- run by a superuser; `postgres` is the superuser of the tests, `owner` what a project calls postgres.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

-- roles of the platform; what a project calls postgres: no superuser, may see all rows
CREATE ROLE anon NOLOGIN;
CREATE ROLE authenticated NOLOGIN;
CREATE ROLE service_role NOLOGIN BYPASSRLS;
CREATE ROLE authenticator LOGIN NOINHERIT PASSWORD 'only-a-test';
CREATE ROLE supabase_admin LOGIN SUPERUSER PASSWORD 'only-a-test';
CREATE ROLE supabase_auth_admin LOGIN NOINHERIT CREATEROLE PASSWORD 'only-a-test';
CREATE ROLE supabase_storage_admin LOGIN NOINHERIT CREATEROLE PASSWORD 'only-a-test';
CREATE ROLE dashboard_user CREATEDB CREATEROLE;
CREATE ROLE owner LOGIN CREATEROLE CREATEDB REPLICATION BYPASSRLS PASSWORD 'only-a-test';
GRANT anon, authenticated, service_role TO authenticator;
GRANT anon, authenticated, service_role TO owner WITH ADMIN OPTION;
GRANT pg_read_all_data, pg_monitor TO owner;
ALTER ROLE anon SET statement_timeout = '3s';

ALTER DATABASE :"DBNAME" OWNER TO owner;
GRANT CREATE ON DATABASE :"DBNAME" TO owner;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE supabase_admin IN SCHEMA public GRANT ALL ON TABLES TO owner, anon, authenticated;
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;

-- extensions in a schema of their own
CREATE SCHEMA extensions AUTHORIZATION owner;
CREATE EXTENSION pgcrypto WITH SCHEMA extensions;
GRANT USAGE ON SCHEMA extensions TO owner, anon, authenticated, service_role;

-- auth: users, with an enum, a sequence and a foreign key of its own
CREATE SCHEMA auth AUTHORIZATION supabase_admin;
CREATE TYPE auth.factor_type AS ENUM ('totp', 'phone');
CREATE TABLE auth.users (id uuid PRIMARY KEY, email text UNIQUE, encrypted_password text, created_at timestamptz DEFAULT now());
CREATE TABLE auth.refresh_tokens (id bigserial PRIMARY KEY, user_id uuid REFERENCES auth.users ON DELETE CASCADE, token text);
CREATE TABLE auth.schema_migrations (version text PRIMARY KEY);
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
ALTER TABLE auth.users OWNER TO supabase_auth_admin;
ALTER TABLE auth.refresh_tokens OWNER TO supabase_auth_admin;
ALTER TABLE auth.schema_migrations OWNER TO supabase_auth_admin;
GRANT ALL ON SCHEMA auth TO supabase_auth_admin;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role, owner;
GRANT ALL ON ALL TABLES IN SCHEMA auth TO owner, dashboard_user;
GRANT ALL ON ALL SEQUENCES IN SCHEMA auth TO owner;
ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;

-- storage
CREATE SCHEMA storage AUTHORIZATION supabase_admin;
CREATE TABLE storage.buckets (id text PRIMARY KEY, name text NOT NULL, public boolean DEFAULT false);
CREATE TABLE storage.objects (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), bucket_id text REFERENCES storage.buckets, name text, owner uuid);
CREATE TABLE storage.migrations (id int PRIMARY KEY, name text);
CREATE FUNCTION storage.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touch_objects BEFORE UPDATE ON storage.objects FOR EACH ROW EXECUTE FUNCTION storage.touch();
ALTER TABLE storage.objects ENABLE ROW LEVEL SECURITY;
GRANT USAGE ON SCHEMA storage TO anon, authenticated, service_role, owner;
GRANT ALL ON ALL TABLES IN SCHEMA storage TO owner, anon, authenticated, service_role;

-- services whose content each project makes by itself
CREATE SCHEMA realtime AUTHORIZATION supabase_admin;
CREATE TABLE realtime.messages (id bigserial PRIMARY KEY, payload jsonb);
CREATE SCHEMA vault AUTHORIZATION supabase_admin;
CREATE TABLE vault.secrets (id uuid PRIMARY KEY, secret text);
CREATE SCHEMA supabase_functions AUTHORIZATION supabase_admin;
CREATE TABLE supabase_functions.hooks (id bigserial PRIMARY KEY, hook_name text);
CREATE TABLE supabase_functions.migrations (version text PRIMARY KEY);
GRANT USAGE ON SCHEMA supabase_functions TO owner;
GRANT ALL ON ALL TABLES IN SCHEMA supabase_functions TO owner;
GRANT ALL ON ALL SEQUENCES IN SCHEMA supabase_functions TO owner;
CREATE PUBLICATION supabase_realtime;
ALTER PUBLICATION supabase_realtime OWNER TO owner;

-- an event trigger of the platform
CREATE FUNCTION extensions.watch_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY pgrst, 'reload schema'; END $$;
CREATE EVENT TRIGGER pgrst_ddl_watch ON ddl_command_end EXECUTE FUNCTION extensions.watch_ddl();
