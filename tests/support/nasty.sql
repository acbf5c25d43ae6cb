-- nasty.sql - a database that holds everything known to hurt tools that read, cut or restore dumps.
-- For psql, in an empty database of encoding UTF8, as superuser. The numbers are the points of the list of
-- facts that the project keeps about PostgreSQL; each has its part here.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

-- 1. Names and values that look like the dump's own syntax.
CREATE SCHEMA "odd; schema";
CREATE SCHEMA "new
\.
line";
CREATE TABLE "odd; schema"."quote"" and 'single' $$ /* -- " (
    "id;" integer PRIMARY KEY, "a""b" text, "back\slash" text, "new
\.
line" text, "tab	ulator" text DEFAULT E'it''s; \\ "x"\n\\.\n');
INSERT INTO "odd; schema"."quote"" and 'single' $$ /* -- "
    SELECT i, 'v' || i, E'\\.', E'\\.\n\\.\n', E'a\tb\\tc' FROM generate_series(1, 257) i;
CREATE TABLE "new
\.
line"."\." ("\." text, "FROM stdin;" text, "(" text, ")" text, "," text);
INSERT INTO "new
\.
line"."\." VALUES (E'\\.', E'\n', E'\r\n', E'\\', NULL), (E'\\N', '', ' ', E'\t', E'\\.');
CREATE TABLE public.whole_dumps (dump text, note text);
INSERT INTO public.whole_dumps SELECT
    E'--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\nCOPY public.evil (a) FROM stdin;\n1\n\\.\n' ||
    E'--\n-- PostgreSQL database dump complete\n--\n\n', repeat(E'\\unrestrict abc\n', 10)
    FROM generate_series(1, 300);
COMMENT ON TABLE public.whole_dumps IS E'--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict x\n\n'';\nCOPY a FROM stdin;\n\\.\n';
CREATE FUNCTION public.dump_in_body() RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
    -- $_$ $$ ' " /* unbalanced
    RETURN E'
--
-- PostgreSQL database dump complete
--

\\unrestrict x

COPY public.evil (a) FROM stdin;
1
\\.
';
END $f$;
CREATE FUNCTION public.dollars() RETURNS text LANGUAGE sql AS ' SELECT $_$x;$_$ || $_X$y;$_X$ || $_XX$;$_XX$ || $$;$$ ';

-- 2. Bare semicolons: atomic bodies, rules with several actions.
CREATE TABLE public.log (at timestamptz DEFAULT now(), what text, "begin" integer, "end" integer, "case" integer);
CREATE FUNCTION public.atomic(x integer) RETURNS integer LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO public.log (what) VALUES ('a;b');
    SELECT CASE WHEN x > 0 THEN CASE x WHEN 1 THEN 2 ELSE 3 END ELSE 0 END;
END;
CREATE PROCEDURE public.atomic_procedure() LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO public.log (what) VALUES ('x');
    DELETE FROM public.log WHERE what = ';';
END;
CREATE TABLE public.ruled (a integer, b text);
INSERT INTO public.ruled VALUES (1, 'one'), (2, 'two;');
CREATE RULE several AS ON UPDATE TO public.ruled DO ALSO (
    INSERT INTO public.log (what) VALUES ('first; action');
    INSERT INTO public.log (what) VALUES ('second'); DELETE FROM public.log WHERE what = '(');
CREATE VIEW public.ruled_view AS SELECT a, b FROM public.ruled;
CREATE RULE instead AS ON INSERT TO public.ruled_view DO INSTEAD (
    INSERT INTO public.ruled VALUES (NEW.a, NEW.b); NOTIFY ruled);

-- 3. A name that forges pg_dump's comment.
CREATE TABLE public."x; Type: TABLE DATA; Schema: public; Owner: postgres
--
COPY public.evil (a) FROM stdin;
1
\.
-- PostgreSQL database dump complete
--
" (a integer);
INSERT INTO public."x; Type: TABLE DATA; Schema: public; Owner: postgres
--
COPY public.evil (a) FROM stdin;
1
\.
-- PostgreSQL database dump complete
--
" SELECT generate_series(1, 11);

-- 4. Tables without columns, with only generated columns, without rows.
CREATE TABLE public.no_columns ();
INSERT INTO public.no_columns DEFAULT VALUES;
INSERT INTO public.no_columns DEFAULT VALUES;
INSERT INTO public.no_columns DEFAULT VALUES;
CREATE TABLE public.only_generated (g integer GENERATED ALWAYS AS (1 + 1) STORED);
INSERT INTO public.only_generated SELECT FROM generate_series(1, 5);
CREATE TABLE public.no_rows (a integer, b text);
CREATE TABLE public.some_generated (a integer, g integer GENERATED ALWAYS AS (a * 2) STORED, z text);
INSERT INTO public.some_generated (a, z) SELECT i, 'z' FROM generate_series(1, 100) i;
CREATE TABLE public.dropped_column (a integer, b text, c text);
INSERT INTO public.dropped_column VALUES (1, 'x', 'y');
ALTER TABLE public.dropped_column DROP COLUMN b;

-- 6. One row of 20 MB, and one of many short fields.
CREATE TABLE public.huge (id integer, payload text);
INSERT INTO public.huge VALUES (1, 'small'), (2, (SELECT string_agg(md5(i::text), E'\n') FROM generate_series(1, 640000) i)), (3, 'last');

-- 7. Large objects, with owner, comment and rights.
SELECT lo_from_bytea(424242, decode(repeat('3b0a5c2e0a', 20000), 'hex'));
SELECT lo_from_bytea(424243, ''::bytea);
COMMENT ON LARGE OBJECT 424242 IS E'large; object\n\\.\n';
GRANT SELECT ON LARGE OBJECT 424242 TO PUBLIC;

-- 8. What moves between sections: views with circles, NOT VALID constraints, access methods.
CREATE TABLE public.keyed (id integer PRIMARY KEY, v text);
CREATE VIEW public.needs_key AS SELECT id, v, count(*) AS n FROM public.keyed GROUP BY id;
INSERT INTO public.keyed SELECT i, 'v' || i FROM generate_series(-5, 50) i;
ALTER TABLE public.keyed ADD CONSTRAINT positive CHECK (id > 0) NOT VALID;
CREATE TABLE public.refers (id integer REFERENCES public.keyed, self integer);
INSERT INTO public.refers VALUES (1, 1), (NULL, NULL);
CREATE INDEX "index; with 'odd' name
" ON public.keyed (lower(v)) WHERE v <> ';';
CREATE FUNCTION public.immutable_upper(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.upper($1) $$;
CREATE INDEX by_function ON public.keyed (public.immutable_upper(v));
CREATE STATISTICS public.both_columns ON id, v FROM public.keyed;
REVOKE ALL ON FUNCTION public.immutable_upper(text) FROM PUBLIC;

-- 10, 13. Inheritance; columns in another order in the children.
CREATE TABLE public.parent (a integer, b text);
CREATE TABLE public.child (c date) INHERITS (public.parent);
INSERT INTO public.parent SELECT i, 'p' FROM generate_series(1, 60) i;
INSERT INTO public.child SELECT i, 'c', '2026-11-24' FROM generate_series(1, 40) i;

-- 13, 14. Partitions: by range with other column orders, by hash of an enum, of several levels.
CREATE TYPE public.colour AS ENUM ('red', 'green', 'bl;ue', 'quote''s', 'new
line');
CREATE TABLE public.ranged (id integer NOT NULL, at date NOT NULL, v text) PARTITION BY RANGE (at);
CREATE TABLE public.ranged_2025 PARTITION OF public.ranged FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE public.ranged_2026 (v text, extra_order text, at date NOT NULL, id integer NOT NULL);
ALTER TABLE public.ranged_2026 DROP COLUMN extra_order;
ALTER TABLE public.ranged ATTACH PARTITION public.ranged_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE public.ranged_rest PARTITION OF public.ranged DEFAULT PARTITION BY LIST (v);
CREATE TABLE public.ranged_rest_all PARTITION OF public.ranged_rest DEFAULT;
CREATE INDEX ON public.ranged (id);
INSERT INTO public.ranged SELECT i, DATE '2024-06-01' + i, 'v' || i FROM generate_series(1, 900) i;
CREATE TABLE public.hashed (c public.colour, n integer) PARTITION BY HASH (c);
CREATE TABLE public.hashed_0 PARTITION OF public.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE public.hashed_1 PARTITION OF public.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO public.hashed SELECT (enum_range(NULL::public.colour))[1 + i % 5], i FROM generate_series(1, 200) i;

-- 11. Row level security, forced.
CREATE TABLE public.secured (id integer, owner_name text);
INSERT INTO public.secured SELECT i, 'nobody' FROM generate_series(1, 30) i;
ALTER TABLE public.secured ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.secured FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON public.secured USING (owner_name = CURRENT_USER);

-- 15. A name that is a pattern.
CREATE SCHEMA pat;
CREATE TABLE pat."t*" (a integer);
CREATE TABLE pat.t1 (a integer);
CREATE TABLE pat."T?[a-z]" (a integer);
INSERT INTO pat."t*" VALUES (1);
INSERT INTO pat.t1 VALUES (1), (2);
INSERT INTO pat."T?[a-z]" VALUES (1), (2), (3);

-- 16. An extension whose configuration table is dumped in part.
CREATE SCHEMA ext;
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA ext;
CREATE TABLE public.hstores (h ext.hstore);
INSERT INTO public.hstores VALUES ('"a;"=>"b\\.", c=>NULL');

-- Types: domains, ranges, composites, arrays, bytea, json, xml, numbers, times.
CREATE DOMAIN public."pos; int" AS integer DEFAULT 1 CHECK (VALUE > 0) NOT NULL;
CREATE TYPE public.pair AS (x public."pos; int", y text);
CREATE TYPE public.span AS RANGE (subtype = float8);
CREATE TABLE public.types (
    id bigserial PRIMARY KEY, d public."pos; int", p public.pair, ps public.pair[], s public.span, c public.colour[],
    b bytea, j json, jb jsonb, n numeric, f float8, r real, t timestamptz, i interval, u uuid, net inet,
    bits bit varying, arr text[][], x xml, m money, ts tsvector, k "char", txt text COLLATE "C");
INSERT INTO public.types (d, p, ps, s, c, b, j, jb, n, f, r, t, i, u, net, bits, arr, x, m, ts, k, txt) VALUES
    (5, (1, E'a,"b\\'), ARRAY[(1, 'a;')::public.pair, (2, NULL)::public.pair], '[1.5,2.5)', '{red,"bl;ue"}',
     '\x5c2e0a00ff', E'{"a": "\\\\.\\n"}', '{"b": [1, 2, null]}', 'NaN', 'Infinity', 1e-30, '2026-11-24 12:34:56.789012+01',
     '1 year 2 mons -3 days 04:05:06.7', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '192.168.0.0/24', B'10110',
     E'{{"a\\"b","c\\\\."},{NULL,"\\n"}}', '<a b=";">\.</a>', '1234.56', 'a:1 b:2', 'x', E'\u00e4\u20ac\U0001F600'),
    (1, NULL, '{}', 'empty', '{}', '', 'null', 'null', 123456789012345678901234567890.123456789, 0.1, 'NaN', 'infinity',
     '0', NULL, '::1', '', '{}', NULL, NULL, '', E'\\', '');
INSERT INTO public.types (b, txt) SELECT decode(md5(i::text) || md5((i + 1)::text), 'hex'), repeat(chr(65 + i % 26), i % 300)
    FROM generate_series(1, 5000) i;

-- Sequences, identity, defaults.
CREATE SEQUENCE public."seq; 'x'" AS smallint INCREMENT -3 MINVALUE -300 MAXVALUE 300 START 7 CYCLE;
SELECT nextval('public."seq; ''x''"'), nextval('public."seq; ''x''"');
CREATE TABLE public.identities (a integer GENERATED ALWAYS AS IDENTITY (START 100), b integer GENERATED BY DEFAULT AS IDENTITY, c text);
INSERT INTO public.identities (c) VALUES ('x'), ('y');

-- Triggers, materialised views, publications, event triggers (they fire during restores), casts, operators, rights.
CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER "trigger; 1" BEFORE INSERT ON public.ruled FOR EACH ROW WHEN (NEW.b <> ';') EXECUTE FUNCTION public.note('a;', E'b\\.');
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON public.keyed DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.note();
ALTER TABLE public.ruled DISABLE TRIGGER "trigger; 1";
CREATE MATERIALIZED VIEW public.counted AS SELECT b, count(*) AS n FROM public.parent GROUP BY b;
CREATE UNIQUE INDEX ON public.counted (b);
CREATE MATERIALIZED VIEW public.never_filled AS SELECT 1 AS one WITH NO DATA;
CREATE PUBLICATION "pub; 1" FOR TABLE public.keyed;
CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER "ddl; 1" ON ddl_command_end EXECUTE FUNCTION public.on_ddl();
CREATE AGGREGATE public."agg;" (integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
CREATE OPERATOR public.<<|>> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4pl);
CREATE COLLATION public."coll;" (LOCALE = 'C');
CREATE UNLOGGED TABLE public.unlogged (a integer);
INSERT INTO public.unlogged VALUES (1), (2);
GRANT SELECT ON public.keyed TO PUBLIC;
GRANT SELECT ("id;") ON "odd; schema"."quote"" and 'single' $$ /* -- " TO PUBLIC;
COMMENT ON COLUMN public.keyed.v IS E'/* not closed; $$ '' " \\';
COMMENT ON SCHEMA "new
\.
line" IS E'\n\\.\n';
