-- What the users of a project put into it: rows of the platform's tables, and all of their own. After project.sql.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
INSERT INTO auth.users (id, email, encrypted_password)
    SELECT md5('u' || i)::uuid, 'user' || i || '@example.test', 'hash' || i FROM generate_series(1, 500) i;
INSERT INTO auth.refresh_tokens (user_id, token) SELECT md5('u' || i)::uuid, 'token' || i FROM generate_series(1, 500) i;
INSERT INTO auth.schema_migrations VALUES ('20240101000000');
INSERT INTO storage.buckets VALUES ('avatars', 'avatars', true);
INSERT INTO storage.objects (bucket_id, name, owner) SELECT 'avatars', 'a' || i || '.png', md5('u' || i)::uuid FROM generate_series(1, 50) i;
INSERT INTO storage.migrations VALUES (1, 'initial');
INSERT INTO realtime.messages (payload) SELECT '{}' FROM generate_series(1, 100);
INSERT INTO vault.secrets VALUES (md5('s')::uuid, 'sealed');
INSERT INTO supabase_functions.hooks (hook_name) VALUES ('on_order');

CREATE SCHEMA supabase_migrations AUTHORIZATION owner;
CREATE TABLE supabase_migrations.schema_migrations (version text PRIMARY KEY, statements text[]);
ALTER TABLE supabase_migrations.schema_migrations OWNER TO owner;
INSERT INTO supabase_migrations.schema_migrations VALUES ('20250101000000', '{create table}');

SET ROLE owner;
CREATE ROLE reporting NOLOGIN;
GRANT reporting TO owner;
CREATE TABLE public.profiles (id uuid PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE, nick text, created_at timestamptz DEFAULT now());
ALTER TABLE public.profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own profile" ON public.profiles FOR ALL TO authenticated USING (id = auth.uid());
CREATE POLICY "anybody reads" ON public.profiles FOR SELECT TO anon USING (nick LIKE 'public%');
INSERT INTO public.profiles SELECT md5('u' || i)::uuid, CASE WHEN i % 10 = 0 THEN 'public' ELSE 'nick' END || i FROM generate_series(1, 500) i;
CREATE TABLE public.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, profile uuid REFERENCES public.profiles, total numeric, note text);
INSERT INTO public.orders (profile, total, note) SELECT md5('u' || (1 + i % 500))::uuid, i * 1.5, repeat('x', 40) FROM generate_series(1, 20000) i;
GRANT SELECT ON public.orders TO reporting;
CREATE VIEW public.totals AS SELECT profile, sum(total) AS total FROM public.orders GROUP BY 1;
CREATE FUNCTION public.handle_new_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN INSERT INTO public.profiles (id, nick) VALUES (NEW.id, 'new'); RETURN NEW; END $$;
RESET ROLE;
CREATE TRIGGER on_auth_user_created AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION public.handle_new_user();
CREATE POLICY "avatars are public" ON storage.objects FOR SELECT TO anon USING (bucket_id = 'avatars');
ALTER PUBLICATION supabase_realtime ADD TABLE public.orders;
