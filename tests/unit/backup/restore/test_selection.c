/* What of a dump comes, and in which order several sessions may bring it. */
#include "backup/restore/task_plan.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"

static struct script script;
static struct err err;

/* A dump in small: enough to hang on each other. */
static const char dump[] =
    "SET client_encoding = 'UTF8';\n"
    "CREATE SCHEMA sales;\n"
    "ALTER SCHEMA sales OWNER TO boss;\n"
    "CREATE TYPE sales.state AS ENUM ('a');\n"
    "CREATE FUNCTION public.audit() RETURNS trigger LANGUAGE plpgsql AS $$x$$;\n"
    "CREATE TABLE public.customers (id int);\n"
    "CREATE TABLE sales.orders (id int, s sales.state);\n"
    "ALTER TABLE sales.orders OWNER TO boss;\n"
    "CREATE SEQUENCE sales.orders_id_seq;\n"
    "ALTER SEQUENCE sales.orders_id_seq OWNED BY sales.orders.id;\n"
    "CREATE TABLE other.orders (id int);\n"
    "CREATE VIEW sales.v AS SELECT o.id FROM sales.orders o;\n"
    "CREATE TABLE public.parted (k int)\nPARTITION BY LIST (k);\n"
    "CREATE TABLE other.part (k int);\n"
    "ALTER TABLE ONLY public.parted ATTACH PARTITION other.part FOR VALUES IN (1);\n"
    "CREATE SCHEMA ext;\n"
    "CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA ext;\n"
    "CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;\n"
    "CREATE TABLE other.stores (h ext.hstore);\n"
    "CREATE TABLE other.child (n int)\nINHERITS (public.customers);\n"
    "CREATE PUBLICATION pub;\n"
    "SELECT pg_catalog.setval('sales.orders_id_seq', 9, true);\n"
    "ALTER TABLE ONLY public.customers ADD CONSTRAINT customers_pkey PRIMARY KEY (id);\n"
    "ALTER TABLE ONLY sales.orders ADD CONSTRAINT orders_pkey PRIMARY KEY (id);\n"
    "CREATE INDEX orders_s ON sales.orders USING btree (s);\n"
    "COMMENT ON INDEX sales.orders_s IS 'x';\n"
    "CREATE TRIGGER audited BEFORE INSERT ON sales.orders FOR EACH ROW EXECUTE FUNCTION "
    "public.audit();\n"
    "COMMENT ON TRIGGER audited ON sales.orders IS 'x';\n"
    "ALTER TABLE ONLY sales.orders ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES "
    "public.customers(id);\n"
    "GRANT SELECT ON TABLE sales.orders TO clerk;\n";

static int keep(void *context, struct statement *statement, struct err *why)
{
    (void)why;
    outline_add(context, statement);
    return 0;
}

static void read_dump(const char *sql)
{
    struct splitter_sink sink = {.statement = keep, .context = &script.outline};
    struct splitter *splitter = splitter_new(&sink);
    ck_assert_int_eq(splitter_push(splitter, sql, strlen(sql), &err), 0);
    ck_assert_int_eq(splitter_finish(splitter, &err), 0);
    splitter_free(splitter);
    outline_resolve(&script.outline);
}

static void setup(void)
{
    err = (struct err){0};
    read_dump(dump);
}

static void teardown(void)
{
    script_release(&script);
}

/* The patterns stand between blanks; "n:" in front of schemas. */
static int choose(const char *patterns, const struct selection_spec *more)
{
    struct strlist tables = {0}, schemas = {0};
    struct selection_spec spec = *more;
    char *words = memory_strdup(patterns), *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        strlist_add(text_starts_with(word, "n:") ? &schemas : &tables,
                    text_starts_with(word, "n:") ? word + 2 : word);
    spec.tables = &tables;
    spec.schemas = &schemas;
    int result = selection_make(&script.outline, &spec, &script.selection, &err);
    strlist_release(&tables);
    strlist_release(&schemas);
    free(words);
    return result;
}

/* Is the statement that begins so among what comes? */
static bool comes(const char *begin)
{
    for (size_t i = 0; i < script.outline.count; i++)
        if (text_starts_with(script.outline.items[i].text, begin))
            return script.selection.statements[i];
    ck_abort_msg("%s", begin);
}

static const struct selection_spec all;

static const struct chosen_row {
    const char *patterns;
    const char *relations; /* of what comes, in the order of the dump */
} chosen[] = {
    {"orders", "sales.orders sales.orders_id_seq other.orders"},
    {"sales.orders", "sales.orders sales.orders_id_seq"},
    {"SALES.Orders", "sales.orders sales.orders_id_seq"},
    {"\"Orders\" customers", NULL},
    {"cust* sales.orders", "public.customers sales.orders sales.orders_id_seq"},
    {"*.order?", "sales.orders sales.orders_id_seq other.orders"},
    {"parted", "public.parted other.part"},
    {"other.part", "other.part"},
    {"n:sales", "sales.orders sales.orders_id_seq sales.v"},
    {"n:oth* orders", "other.orders"},
    {"n:other customers", NULL},
    {"n:sales customers", NULL},
    {"orders_id_seq", "sales.orders_id_seq"},
};

START_TEST(patterns_choose_as_pg_dumps_do)
{
    const struct chosen_row *row = &chosen[_i];
    int result = choose(row->patterns, &all);
    ck_assert_int_eq(result, row->relations == NULL ? -1 : 0);
    if (row->relations == NULL) {
        ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
        return;
    }
    struct text got;
    text_init(&got, 4096);
    for (size_t i = 0; i < script.outline.relation_count; i++) {
        if (!script.selection.relations[i])
            continue;
        if (got.length > 0)
            text_add_char(&got, ' ');
        sql_name_add(&got, script.outline.relations[i].name.schema,
                     script.outline.relations[i].name.name);
    }
    ck_assert_str_eq(got.data, row->relations);
    text_release(&got);
}
END_TEST

START_TEST(a_table_comes_with_what_is_its_own_and_the_rest_is_named)
{
    ck_assert_int_eq(choose("sales.orders", &all), 0);
    ck_assert(comes("SET client_encoding"));
    ck_assert(comes("CREATE SCHEMA sales"));
    ck_assert(comes("ALTER SCHEMA sales OWNER"));
    ck_assert(comes("CREATE TYPE sales.state"));
    ck_assert(comes("ALTER SEQUENCE sales.orders_id_seq OWNED"));
    ck_assert(comes("SELECT pg_catalog.setval"));
    ck_assert(comes("CREATE INDEX orders_s"));
    ck_assert(comes("COMMENT ON INDEX"));
    ck_assert(comes("GRANT SELECT"));
    ck_assert(!comes("CREATE PUBLICATION"));
    ck_assert(!comes("CREATE TRIGGER"));
    ck_assert(!comes("COMMENT ON TRIGGER")); /* of what is left out */
    ck_assert(!comes("ALTER TABLE ONLY sales.orders ADD CONSTRAINT fk"));
    ck_assert_uint_eq(script.selection.brought.count, 1);
    ck_assert_str_eq(script.selection.brought.items[0], "type sales.state");
    ck_assert_uint_eq(script.selection.left_out.count, 3);
    ck_assert_str_eq(script.selection.left_out.items[0], "view sales.v was not chosen");
    ck_assert_str_eq(script.selection.left_out.items[1],
                     "trigger audited of sales.orders needs public.audit");
    ck_assert_str_eq(script.selection.left_out.items[2],
                     "foreign key fk of sales.orders needs public.customers");
}
END_TEST

/* Another dump than the one of setup. */
static void read_other(const char *sql)
{
    script_release(&script);
    script = (struct script){0};
    read_dump(sql);
}

START_TEST(a_view_that_is_chosen_and_lacks_something_is_told_once)
{
    read_other("CREATE TABLE public.t (a int);\n"
               "CREATE VIEW s.v AS SELECT NULL::integer AS a;\n"
               "CREATE VIEW s.w AS SELECT t.a FROM public.t JOIN s.v ON true;\n"
               "CREATE OR REPLACE VIEW s.v AS SELECT t.a FROM public.t;\n"
               "CREATE TABLE s.t (a int);\n");
    ck_assert_int_eq(choose("n:s", &all), 0);
    ck_assert_uint_eq(script.selection.left_out.count, 2);
    ck_assert_str_eq(script.selection.left_out.items[0], "view s.w needs public.t");
    ck_assert_str_eq(script.selection.left_out.items[1], "view s.v needs public.t");
}
END_TEST

START_TEST(what_belongs_to_an_index_that_is_left_out_stays_behind_with_it)
{
    read_other("CREATE FUNCTION public.f(integer) RETURNS integer LANGUAGE sql AS $$x$$;\n"
               "CREATE TABLE public.t (a int)\nPARTITION BY LIST (a);\n"
               "CREATE TABLE public.t1 (a int);\n"
               "ALTER TABLE ONLY public.t ATTACH PARTITION public.t1 FOR VALUES IN (1);\n"
               "CREATE INDEX good ON public.t USING btree (a);\n"
               "CREATE INDEX ti ON ONLY public.t USING btree (public.f(a));\n"
               "CREATE INDEX t1i ON public.t1 USING btree (public.f(a));\n"
               "CREATE STATISTICS public.ts ON public.f(a), a FROM public.t;\n"
               "ALTER STATISTICS public.ts OWNER TO boss;\n"
               "ALTER INDEX public.ti ALTER COLUMN 1 SET STATISTICS 7;\n"
               "ALTER INDEX public.ti ATTACH PARTITION public.t1i;\n"
               "COMMENT ON INDEX public.ti IS 'x';\n"
               "COMMENT ON STATISTICS public.ts IS 'x';\n"
               "COMMENT ON INDEX public.good IS 'x';\n");
    ck_assert_int_eq(choose("t", &all), 0);
    ck_assert_uint_eq(script.selection.left_out.count, 3);
    ck_assert(!comes("CREATE INDEX ti"));
    ck_assert(!comes("ALTER STATISTICS"));
    ck_assert(!comes("ALTER INDEX public.ti ALTER COLUMN"));
    ck_assert(!comes("ALTER INDEX public.ti ATTACH"));
    ck_assert(!comes("COMMENT ON INDEX public.ti"));
    ck_assert(!comes("COMMENT ON STATISTICS"));
    ck_assert(comes("COMMENT ON INDEX public.good"));
}
END_TEST

START_TEST(an_operator_comes_with_the_table_whose_check_needs_it)
{
    struct sql_map present = {0};
    struct selection_spec spec = {.present = &present};
    const char *const sql =
        "CREATE FUNCTION public.same(integer, integer) RETURNS boolean LANGUAGE sql AS "
        "$$x$$;\n"
        "CREATE OPERATOR public.=== (\n    FUNCTION = public.same,\n    LEFTARG = "
        "integer,\n"
        "    RIGHTARG = integer\n);\n"
        "ALTER OPERATOR public.=== (integer, integer) OWNER TO boss;\n"
        "COMMENT ON OPERATOR public.=== (integer, integer) IS 'x';\n"
        "CREATE OPERATOR public.<=> (\n    FUNCTION = public.same,\n    LEFTARG = "
        "integer,\n"
        "    RIGHTARG = integer\n);\n"
        "CREATE TABLE public.t (a integer, CONSTRAINT c CHECK ((a OPERATOR(public.===) "
        "a)));\n"
        "CREATE INDEX ti ON public.t USING btree (((a OPERATOR(public.<=>) 1)));\n";
    read_other(sql);
    ck_assert_int_eq(choose("t", &all), 0);
    ck_assert(comes("CREATE OPERATOR public.==="));
    ck_assert(comes("ALTER OPERATOR public.==="));
    ck_assert(comes("COMMENT ON OPERATOR public.==="));
    ck_assert(comes("CREATE FUNCTION public.same"));
    ck_assert(!comes("CREATE OPERATOR public.<=>"));
    ck_assert_str_eq(script.selection.brought.items[0], "operator public.\"===\"");
    ck_assert_str_eq(script.selection.left_out.items[0],
                     "index ti of public.t needs public.\"<=>\"");
    selection_release(&script.selection);
    /* A schema that is there is not yet its operators. */
    (void)sql_map_add(&present, "public", "", 0);
    (void)sql_map_add(&present, "public", "<=>", 0);
    ck_assert_int_eq(choose("t", &spec), 0);
    ck_assert(comes("CREATE OPERATOR public.==="));
    ck_assert(comes("CREATE INDEX ti"));
    sql_map_release(&present);
}
END_TEST

START_TEST(a_partition_of_a_living_table_is_attached_behind_all_else)
{
    struct sql_map present = {0};
    struct selection_spec spec = {.present = &present};
    size_t attach = 0;
    (void)sql_map_add(&present, "public", "", 0);
    (void)sql_map_add(&present, "other", "", 0);
    while (!text_starts_with(script.outline.items[attach].text,
                             "ALTER TABLE ONLY public.parted ATTACH"))
        attach++;
    /* No parent anywhere: the partition comes as a table. */
    ck_assert_int_eq(choose("other.part", &spec), 0);
    ck_assert(!script.selection.statements[attach] && !script.selection.late[attach]);
    ck_assert_uint_eq(script.selection.left_out.count, 1);
    selection_release(&script.selection);
    (void)sql_map_add(&present, "public", "parted", 0);
    ck_assert_int_eq(choose("other.part", &spec), 0);
    ck_assert(!script.selection.statements[attach] && script.selection.late[attach]);
    ck_assert_uint_eq(script.selection.left_out.count, 0);
    selection_release(&script.selection);
    /* It needs the keys: so it goes with them, wherever it stands in the dump. */
    spec.section = "pre-data";
    ck_assert_int_eq(choose("other.part", &spec), 0);
    ck_assert(!script.selection.late[attach]);
    selection_release(&script.selection);
    spec.section = "post-data";
    ck_assert_int_eq(choose("other.part", &spec), 0);
    ck_assert(script.selection.late[attach]);
    selection_release(&script.selection);
    ck_assert_int_eq(choose("parted", &all), 0);
    ck_assert(script.selection.statements[attach] && !script.selection.late[attach]);
    sql_map_release(&present);
}
END_TEST

START_TEST(what_the_target_has_need_not_come_along)
{
    struct sql_map present = {0};
    struct selection_spec spec = {.present = &present};
    (void)sql_map_add(&present, "sales", "", 0);
    (void)sql_map_add(&present, "sales", "state", 0);
    (void)sql_map_add(&present, "public", "audit", 0);
    ck_assert_int_eq(choose("sales.orders", &spec), 0);
    ck_assert(!comes("CREATE SCHEMA sales"));
    ck_assert(!comes("CREATE TYPE sales.state"));
    ck_assert(comes("CREATE TRIGGER"));
    ck_assert(comes("COMMENT ON TRIGGER"));
    ck_assert_uint_eq(script.selection.left_out.count, 2);
    sql_map_release(&present);
}
END_TEST

START_TEST(a_pattern_that_fits_nothing_names_what_is_near)
{
    ck_assert_int_eq(choose("ordrs", &all), -1);
    ck_assert_str_eq(err.text,
                     "no table of the backup fits \"ordrs\"\nhint: the nearest name "
                     "is orders; --list shows all");
    ck_assert_int_eq(choose("n:sale", &all), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "no schema of the backup fits \"sale\""));
    ck_assert_ptr_nonnull(strstr(err.text, "the nearest name is sales"));
}
END_TEST

START_TEST(an_extension_comes_with_the_table_that_needs_its_type)
{
    ck_assert_int_eq(choose("stores", &all), 0);
    ck_assert(comes("CREATE SCHEMA ext"));
    ck_assert(comes("CREATE EXTENSION IF NOT EXISTS hstore"));
    ck_assert(!comes("CREATE EXTENSION IF NOT EXISTS citext"));
    ck_assert_str_eq(script.selection.brought.items[0], "extension hstore");
    selection_release(&script.selection);
    ck_assert_int_eq(choose("customers", &all), 0);
    ck_assert(!comes("CREATE EXTENSION IF NOT EXISTS hstore"));
}
END_TEST

START_TEST(a_table_that_cannot_be_made_alone_is_refused)
{
    ck_assert_int_eq(choose("child", &all), -1);
    ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "table other.child needs public.customers"));
    ck_assert_int_eq(choose("child customers", &all), 0);
}
END_TEST

START_TEST(owners_rights_and_sections_can_be_left_out)
{
    struct selection_spec spec = {.no_owner = true, .no_privileges = true};
    ck_assert_int_eq(choose("", &spec), 0);
    ck_assert(!comes("ALTER TABLE sales.orders OWNER"));
    ck_assert(!comes("ALTER SCHEMA sales OWNER"));
    ck_assert(!comes("GRANT SELECT"));
    ck_assert(comes("CREATE PUBLICATION"));
    selection_release(&script.selection);
    spec = (struct selection_spec){.section = "post-data"};
    ck_assert_int_eq(choose("", &spec), 0);
    ck_assert(!comes("CREATE TABLE sales.orders"));
    ck_assert(!comes("SELECT pg_catalog.setval"));
    ck_assert(comes("CREATE INDEX orders_s"));
    ck_assert(comes("GRANT SELECT"));
    ck_assert(comes("SET client_encoding"));
}
END_TEST

/* ---- the plan ---- */

START_TEST(keys_wait_for_both_tables_and_nobody_waits_for_a_lock)
{
    ck_assert_int_eq(choose("", &all), 0);
    struct task_plan *plan = task_plan_new(&script, NULL, 1 << 20);
    const struct task *running[8] = {0};
    size_t count = 0, foreign = 0, done = 0;
    /* No rows in this dump: so indexes of both tables may begin at once, the foreign key not. */
    const struct task *task;
    while ((task = task_plan_next(plan)) != NULL) {
        ck_assert_int_ne(task->statement->action, STATEMENT_FOREIGN_KEY);
        running[count++] = task;
    }
    ck_assert_uint_eq(count, 3); /* two keys, which begin as indexes, and an index */
    for (size_t i = 0; i < count; i++, done++)
        task_plan_done(plan, running[i]);
    while ((task = task_plan_next(plan)) != NULL) {
        /* Both constraints were made of their indexes; then it is added, then proved. */
        if (task->statement->action == STATEMENT_FOREIGN_KEY)
            ck_assert_uint_eq(done, 5 + foreign++);
        else
            ck_assert(text_starts_with(task->sql, "ALTER TABLE ONLY "));
        task_plan_done(plan, task);
        done++;
    }
    ck_assert_uint_eq(foreign, 2);
    ck_assert(task_plan_finished(plan));
    task_plan_free(plan);
}
END_TEST

static const struct key_row {
    const char *sql, *index, *constraint; /* NULL: carried out as it is */
} keys[] = {
    {"ALTER TABLE ONLY s.t\n    ADD CONSTRAINT \"K k\" PRIMARY KEY (a, \"b)\");",
     "CREATE UNIQUE INDEX \"K k\" ON s.t (a, \"b)\")",
     "ALTER TABLE ONLY s.t ADD CONSTRAINT \"K k\" PRIMARY KEY USING INDEX \"K k\""},
    {"ALTER TABLE ONLY s.t ADD CONSTRAINT k UNIQUE (a) DEFERRABLE INITIALLY DEFERRED;",
     "CREATE UNIQUE INDEX k ON s.t (a)",
     "ALTER TABLE ONLY s.t ADD CONSTRAINT k UNIQUE USING INDEX k DEFERRABLE INITIALLY "
     "DEFERRED"},
    {"ALTER TABLE ONLY s.t ADD CONSTRAINT k UNIQUE (a) INCLUDE (b);", NULL, NULL},
    {"ALTER TABLE ONLY s.t ADD CONSTRAINT k UNIQUE NULLS NOT DISTINCT (a);", NULL, NULL},
    {"ALTER TABLE ONLY s.t ADD CONSTRAINT k PRIMARY KEY (a, b WITHOUT OVERLAPS);", NULL,
     NULL},
    {"ALTER TABLE ONLY s.t ADD CONSTRAINT k UNIQUE (a) WITH (fillfactor='50');", NULL,
     NULL},
    {"ALTER TABLE ONLY s.t ADD CONSTRAINT k EXCLUDE USING gist (a WITH =);", NULL, NULL},
};

START_TEST(a_key_is_an_index_first_where_its_text_says_no_more)
{
    struct statement statement = {0};
    char *index = NULL, *constraint = NULL;
    statement_parse(&statement, memory_strdup(keys[_i].sql), strlen(keys[_i].sql));
    bool split = task_split_key(&statement, &index, &constraint);
    ck_assert_int_eq(split, keys[_i].index != NULL);
    if (split) {
        ck_assert_str_eq(index, keys[_i].index);
        ck_assert_str_eq(constraint, keys[_i].constraint);
    }
    free(index);
    free(constraint);
    statement_release(&statement);
}
END_TEST

static const struct foreign_row {
    const char *sql, *added, *proved; /* NULL: carried out as it is */
} foreigns[] = {
    {"ALTER TABLE ONLY s.t\n    ADD CONSTRAINT \"F f\" FOREIGN KEY (a) REFERENCES "
     "s.u(\"NOT\") "
     "ON DELETE CASCADE DEFERRABLE;",
     "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT \"F f\" FOREIGN KEY (a) REFERENCES "
     "s.u(\"NOT\") "
     "ON DELETE CASCADE DEFERRABLE NOT VALID",
     "ALTER TABLE ONLY s.t VALIDATE CONSTRAINT \"F f\""},
    {"ALTER TABLE s.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES s.u(a) NOT VALID;", NULL,
     NULL},
    {"ALTER TABLE s.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES s.u(a) NOT ENFORCED;",
     NULL, NULL},
    {"ALTER TABLE s.t ADD CONSTRAINT f CHECK (a > 0);", NULL, NULL},
};

START_TEST(a_foreign_key_is_added_first_and_then_proved)
{
    struct statement statement = {0};
    char *added = NULL, *proved = NULL;
    statement_parse(&statement, memory_strdup(foreigns[_i].sql), strlen(foreigns[_i].sql));
    bool split = task_split_foreign(&statement, &added, &proved);
    ck_assert_int_eq(split, foreigns[_i].added != NULL);
    if (split) {
        ck_assert_str_eq(added, foreigns[_i].added);
        ck_assert_str_eq(proved, foreigns[_i].proved);
    }
    free(added);
    free(proved);
    statement_release(&statement);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("selection");
    TCase *tcase = tcase_create("selection");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, patterns_choose_as_pg_dumps_do, 0,
                        sizeof chosen / sizeof *chosen);
    tcase_add_test(tcase, a_table_comes_with_what_is_its_own_and_the_rest_is_named);
    tcase_add_test(tcase, a_view_that_is_chosen_and_lacks_something_is_told_once);
    tcase_add_test(tcase, what_belongs_to_an_index_that_is_left_out_stays_behind_with_it);
    tcase_add_test(tcase, an_operator_comes_with_the_table_whose_check_needs_it);
    tcase_add_test(tcase, a_partition_of_a_living_table_is_attached_behind_all_else);
    tcase_add_test(tcase, what_the_target_has_need_not_come_along);
    tcase_add_test(tcase, a_pattern_that_fits_nothing_names_what_is_near);
    tcase_add_test(tcase, an_extension_comes_with_the_table_that_needs_its_type);
    tcase_add_test(tcase, a_table_that_cannot_be_made_alone_is_refused);
    tcase_add_test(tcase, owners_rights_and_sections_can_be_left_out);
    tcase_add_test(tcase, keys_wait_for_both_tables_and_nobody_waits_for_a_lock);
    tcase_add_loop_test(tcase, a_key_is_an_index_first_where_its_text_says_no_more, 0,
                        sizeof keys / sizeof *keys);
    tcase_add_loop_test(tcase, a_foreign_key_is_added_first_and_then_proved, 0,
                        sizeof foreigns / sizeof *foreigns);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
