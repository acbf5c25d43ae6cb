-- torture.sql - what nasty.sql has small, here large enough for workers (2 MiB and more), some for several pieces (8
-- MiB). For psql, behind nasty.sql, as superuser. The numbers are again the points of the list of facts.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET synchronous_commit = off;
CREATE SCHEMA torture;

-- 1, 15. Names that look like syntax or like patterns; a column called as the system's.
CREATE TABLE torture."t*" ("a""b;
\." int, "where" text, "C" text DEFAULT E'\\.');
INSERT INTO torture."t*" SELECT i, 'row ' || i, repeat(E'x\\.\n', i % 9) FROM generate_series(1, 60000) i;
CREATE TABLE torture.t1 (a int, pad text);
INSERT INTO torture.t1 SELECT i, repeat('p', 30) FROM generate_series(1, 50000) i;
CREATE TABLE "odd; schema"."$$ ""big"" table; 'x' \." (id int PRIMARY KEY, v text);
INSERT INTO "odd; schema"."$$ ""big"" table; 'x' \." SELECT i, md5(i::text) FROM generate_series(1, 60000) i;

-- Pieces: 20 MB and more, in many blocks, with gaps and dead rows.
CREATE TABLE torture.large (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz, f float8, b bytea, i interval, n numeric, txt text);
INSERT INTO torture.large (at, f, b, i, n, txt) SELECT timestamptz '2026-01-01 12:00:00.123456+02' + k * interval '1 min 7.5 s', k / 7.0::float8,
    decode(md5(k::text), 'hex'), k * interval '1 day -2 hours 3.25 s', k / 3.0::numeric, CASE WHEN k % 11 > 0 THEN E'line\n\\N\t' || k END
    FROM generate_series(1, 70000) k;
DELETE FROM torture.large WHERE id % 10 = 3;
UPDATE torture.large SET txt = 'moved ' || id WHERE id % 50 = 1;
CREATE TABLE torture.toasted (id int, body text);
ALTER TABLE torture.toasted ALTER body SET STORAGE EXTERNAL;
INSERT INTO torture.toasted SELECT i, repeat(md5(i::text), 1000) FROM generate_series(1, 320) i;
CREATE TABLE torture.wide_rows (id int, body text);
ALTER TABLE torture.wide_rows ALTER body SET STORAGE EXTERNAL;
INSERT INTO torture.wide_rows SELECT i, repeat(E'0123456789\n\\', 400000) FROM generate_series(1, 2) i;
CREATE TABLE torture.emptied (a int, b text);
INSERT INTO torture.emptied SELECT i, repeat('y', 60) FROM generate_series(1, 50000) i;
DELETE FROM torture.emptied;

-- 4. Generated columns, dropped columns.
CREATE TABLE torture.generated (a int, g int GENERATED ALWAYS AS (a * 2) STORED, gone text, z text, g2 text GENERATED ALWAYS AS (upper(z)) STORED);
INSERT INTO torture.generated (a, gone, z) SELECT i, 'gone', 'z' || i FROM generate_series(1, 60000) i;
ALTER TABLE torture.generated DROP COLUMN gone;

-- 10, 13. Inheritance with rows in the parent; columns in another order.
CREATE TABLE torture.parent (a int, b text);
CREATE TABLE torture.child (c date) INHERITS (torture.parent);
CREATE TABLE torture.other_child (b text, x int, a int);
ALTER TABLE torture.other_child INHERIT torture.parent;
INSERT INTO torture.parent SELECT i, 'parent ' || i FROM generate_series(1, 60000) i;
INSERT INTO torture.child SELECT i, 'child ' || i, '2026-11-24' FROM generate_series(1, 60000) i;
INSERT INTO torture.other_child SELECT 'other ' || i, -i, i FROM generate_series(1, 60000) i;

-- 13, 14. Partitions: range with another order of columns; hash of an enum (the root's), hash of an int (the leaf's).
CREATE TABLE torture.ranged (id int NOT NULL, at date NOT NULL, v text) PARTITION BY RANGE (at);
CREATE TABLE torture.ranged_1 PARTITION OF torture.ranged FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE torture.ranged_2 (v text, at date NOT NULL, id int NOT NULL);
ALTER TABLE torture.ranged ATTACH PARTITION torture.ranged_2 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO torture.ranged SELECT i, date '2025-01-01' + i % 730, 'v' || i FROM generate_series(1, 110000) i;
CREATE TABLE torture.by_enum (c public.colour, n int, pad text) PARTITION BY HASH (c);
CREATE TABLE torture.by_enum_0 PARTITION OF torture.by_enum FOR VALUES WITH (MODULUS 2, REMAINDER 0) PARTITION BY HASH (n);
CREATE TABLE torture.by_enum_0_0 PARTITION OF torture.by_enum_0 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE torture.by_enum_1 PARTITION OF torture.by_enum FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO torture.by_enum SELECT (enum_range(NULL::public.colour))[1 + i % 5], i, repeat('e', 40) FROM generate_series(1, 100000) i;
CREATE TABLE torture.by_int (n int, pad text) PARTITION BY HASH (n);
CREATE TABLE torture.by_int_0 PARTITION OF torture.by_int FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE torture.by_int_1 PARTITION OF torture.by_int FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO torture.by_int SELECT i, repeat('i', 40) FROM generate_series(1, 120000) i;

-- 11. Forced row level security; 8. unlogged; foreign keys both ways, checks that are not valid.
CREATE TABLE torture.secured (id int, owner_name text);
INSERT INTO torture.secured SELECT i, 'nobody ' || i FROM generate_series(1, 60000) i;
ALTER TABLE torture.secured ENABLE ROW LEVEL SECURITY;
ALTER TABLE torture.secured FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON torture.secured USING (owner_name = CURRENT_USER);
CREATE UNLOGGED TABLE torture.unlogged (a int, pad text);
INSERT INTO torture.unlogged SELECT i, repeat('u', 40) FROM generate_series(1, 50000) i;
CREATE TABLE torture.refers (id bigint PRIMARY KEY REFERENCES torture.large, self bigint REFERENCES torture.refers, pad text);
INSERT INTO torture.refers SELECT id, NULL, repeat('r', 40) FROM torture.large WHERE id <= 40000;
UPDATE torture.refers SET self = id WHERE id % 3 = 0;
ALTER TABLE torture.refers ADD CONSTRAINT later CHECK (id > 100) NOT VALID;
CREATE FUNCTION torture.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.pad := 'changed by a trigger'; RETURN NEW; END $$;
CREATE TRIGGER changes BEFORE INSERT ON torture.refers FOR EACH ROW EXECUTE FUNCTION torture.note();
CREATE RULE twice AS ON INSERT TO torture.t1 DO ALSO (DELETE FROM torture.unlogged; NOTIFY never);

-- 7. Large objects beside them; sequences that have moved.
SELECT lo_from_bytea(700000 + i, decode(repeat(md5(i::text), 4000), 'hex')) FROM generate_series(1, 12) i;
CREATE SEQUENCE torture.numbers START 42;
SELECT nextval('torture.numbers') FROM generate_series(1, 5);
CREATE MATERIALIZED VIEW torture.sums AS SELECT a % 10 AS a, count(*) FROM torture.parent GROUP BY 1;
CREATE VIEW torture.circle AS SELECT id, txt, count(*) FROM torture.large GROUP BY id;

-- 9. An index on a function whose rights are taken from its owner: rights must come behind it.
CREATE FUNCTION torture.upper_c(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.upper($1) $$;
CREATE INDEX ON torture.t1 (torture.upper_c(pad));
REVOKE ALL ON FUNCTION torture.upper_c(text) FROM PUBLIC;
REVOKE ALL ON torture.t1 FROM CURRENT_USER;
ANALYZE;
