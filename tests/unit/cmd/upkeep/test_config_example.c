#include "cmd/upkeep/config_example.h"
#include "base/file.h"
#include "base/memory.h"
#include "config/config_file.h"
#include "config/settings_check.h"
#include "tests/support/run_suite.h"

#include <check.h>

enum { EXAMPLE_MAX = 1 << 20 };

START_TEST(the_example_loads_as_it_is)
{
    struct text text;
    struct layer layer;
    struct err err = {0};
    text_init(&text, EXAMPLE_MAX);
    layer_init(&layer);
    config_example_print(&text);
    ck_assert_msg(config_file_parse("f", text.data, 0644, &layer, &err) == 0, "%s",
                  err.text);
    ck_assert_msg(settings_check_all(&layer, &err) == 0, "%s", err.text);
    layer_release(&layer);
    text_release(&text);
}
END_TEST

/* Takes the '#' away in front of every key: each example value must be one. */
START_TEST(every_commented_key_of_the_example_is_right_too)
{
    struct text text, bare;
    struct layer layer;
    struct err err = {0};
    text_init(&text, EXAMPLE_MAX);
    text_init(&bare, EXAMPLE_MAX);
    layer_init(&layer);
    config_example_print(&text);
    for (const char *at = text.data; *at; at++) {
        if (*at != '#' || at[1] == ' ')
            text_add_char(&bare, *at);
    }
    ck_assert_msg(config_file_parse("f", bare.data, 0600, &layer, &err) == 0, "%s",
                  err.text);
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        bool found = option->scope == OPTION_ARGUMENT;
        for (size_t v = 0; v < layer.count; v++)
            found = found || layer.values[v].option == option;
        ck_assert_msg(found, "%s is not in the example", option->key);
    }
    layer_release(&layer);
    text_release(&bare);
    text_release(&text);
}
END_TEST

START_TEST(no_line_is_too_long_to_read)
{
    struct text text;
    text_init(&text, EXAMPLE_MAX);
    config_example_print(&text);
    for (const char *at = text.data; *at;) {
        size_t size = strcspn(at, "\n");
        ck_assert_msg(size <= 100, "%.*s", (int)size, at);
        at += size + (at[size] == '\n');
    }
    text_release(&text);
}
END_TEST

/* Run from the top of the source tree, as `make check` does. */
START_TEST(the_file_in_conf_is_what_the_table_says)
{
    struct text made, kept;
    struct err err = {0};
    text_init(&made, EXAMPLE_MAX);
    text_init(&kept, EXAMPLE_MAX);
    config_example_print(&made);
    ck_assert_msg(file_read("conf/pgkeep.conf.example", &kept, NULL, &err) == 0, "%s",
                  err.text);
    ck_assert_msg(strcmp(made.data, kept.data) == 0,
                  "run: build/pgkeep config --example > conf/pgkeep.conf.example");
    text_release(&kept);
    text_release(&made);
}
END_TEST

START_TEST(the_manual_page_knows_every_option_and_key)
{
    struct text page;
    struct err err = {0};
    text_init(&page, EXAMPLE_MAX);
    ck_assert_msg(file_read("conf/pgkeep.1", &page, NULL, &err) == 0, "%s", err.text);
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        struct text word;
        text_init(&word, 256);
        for (const char *at = option->argument ? option->argument : ""; *at; at++)
            text_addf(&word, "%s%c", *at == '-' ? "\\" : "", *at);
        ck_assert_msg(!option->argument || strstr(page.data, word.data), "--%s", word.data);
        ck_assert_msg(!option->key || strstr(page.data, option->key), "%s", option->key);
        text_release(&word);
    }
    text_release(&page);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_example");
    TCase *tcase = tcase_create("config_example");
    tcase_add_test(tcase, the_example_loads_as_it_is);
    tcase_add_test(tcase, every_commented_key_of_the_example_is_right_too);
    tcase_add_test(tcase, no_line_is_too_long_to_read);
    tcase_add_test(tcase, the_file_in_conf_is_what_the_table_says);
    tcase_add_test(tcase, the_manual_page_knows_every_option_and_key);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
