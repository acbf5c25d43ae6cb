-- Sample data of scripts/quickstart and the benchmarks: over 200 MB times :scale (1) on disk, with several types, an index,
-- a view, a function, a sequence, a large object.
\set ON_ERROR_STOP on
\if :{?scale}
\else
\set scale 1
\endif
SET client_min_messages = warning;
SET synchronous_commit = off;
SELECT setseed(0.5);
CREATE SCHEMA sales;
CREATE TYPE sales.state AS ENUM ('new', 'paid', 'sent', 'returned');
CREATE TABLE public.customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email text,
    born date,
    tags text[],
    settings jsonb,
    key uuid,
    active boolean NOT NULL DEFAULT true
);
INSERT INTO public.customers (name, email, born, tags, settings, key, active)
SELECT 'Customer ' || n || E' \\ "ä" \t end', 'c' || n || '@example.com',
       date '1950-01-01' + n % 20000, ARRAY['t' || n % 7, NULL, 'a,b'],
       jsonb_build_object('n', n, 'text', repeat('x', n % 40), 'list', jsonb_build_array(n, n % 3)),
       md5(n::text)::uuid, n % 10 <> 0
FROM generate_series(1, 150000 * :scale) n;
CREATE SEQUENCE sales.invoice_number START 1000;
CREATE TABLE sales.orders (
    id bigint PRIMARY KEY,
    customer bigint REFERENCES public.customers (id),
    state sales.state NOT NULL,
    placed timestamptz NOT NULL,
    total numeric(12, 2),
    weight double precision,
    note text,
    document bytea,
    invoice bigint DEFAULT nextval('sales.invoice_number')
);
INSERT INTO sales.orders (id, customer, state, placed, total, weight, note, document)
SELECT n, 1 + n % 150000, (ARRAY['new', 'paid', 'sent', 'returned'])[1 + n % 4]::sales.state,
       timestamptz '2020-01-01 00:00:00+00' + n * interval '37 seconds', n % 100000 / 7.0, random(),
       CASE WHEN n % 5 = 0 THEN NULL ELSE md5(n::text) || ' ' || md5((n * 7)::text) END,
       decode(md5((n % 1000)::text), 'hex')
FROM generate_series(1, 900000 * :scale) n;
CREATE INDEX orders_placed ON sales.orders (placed);
CREATE INDEX orders_customer ON sales.orders (customer) WHERE state <> 'returned';
CREATE VIEW sales.turnover AS
    SELECT date_trunc('month', placed) AS month, sum(total) AS total FROM sales.orders GROUP BY 1;
CREATE FUNCTION sales.of_customer(bigint) RETURNS numeric LANGUAGE sql STABLE
    AS $$ SELECT coalesce(sum(total), 0) FROM sales.orders WHERE customer = $1; $$;
SELECT lo_from_bytea(4711, decode(repeat('00ff10', 100000), 'hex'));
COMMENT ON DATABASE shop IS 'a shop''s sample';
ANALYZE;
