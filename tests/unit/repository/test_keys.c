#include "repository/keys.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define ID "01KC1E5T00ABCDEFGHJKMNPQRS"
#define TIME "20261121T020000Z"
#define SAFE "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."
enum { STARTED = 1795226400 };

static const struct keys_artifact shop = {.source = "shop",
                                          .database = "shop",
                                          .type = "full",
                                          .format = "plain",
                                          .compression = "gzip",
                                          .id = ID,
                                          .started = STARTED};

static void is(char *key, const char *wanted)
{
    ck_assert_str_eq(key, wanted);
    free(key);
}

START_TEST(keys_are_those_of_the_contract)
{
    struct keys_artifact dump = shop;
    is(keys_data(&shop), "data/shop/shop/2026/shop-full-" TIME "-" ID ".sql.gz");
    is(keys_index(&shop), "data/shop/shop/2026/shop-full-" TIME "-" ID ".index.gz");
    is(keys_manifest(ID), "manifests/" ID ".json");
    is(keys_state(ID), "state/" ID ".json");
    dump.format = "custom";
    dump.compression = "none";
    is(keys_data(&dump), "data/shop/shop/2026/shop-full-" TIME "-" ID ".dump");
    dump.compression = "zstd";
    is(keys_data(&dump), "data/shop/shop/2026/shop-full-" TIME "-" ID ".dump.zst");
    dump.compression = "bzip2";
    dump.type = "globals";
    dump.format = "plain";
    dump.database = "";
    is(keys_data(&dump), "data/shop/globals/2026/globals-" TIME "-" ID ".sql.bz2");
}
END_TEST

START_TEST(names_are_encoded_so_that_none_leaves_its_folder)
{
    static const struct {
        const char *name, *encoded;
    } rows[] = {
        {"shop", "shop"},
        {"A-z_0.9", "A-z_0.9"},
        {".", "%2E"},
        {"..", "%2E%2E"},
        {"...", "%2E%2E%2E"},
        {".hidden", ".hidden"},
        {"../../etc", "..%2F..%2Fetc"},
        {"a b", "a%20b"},
        {"a/b", "a%2Fb"},
        {"a'b\"c", "a%27b%22c"},
        {"a\nb\x7f", "a%0Ab%7F"},
        {"100%", "100%25"},
        {"~", "%7E"},
        {"gr\xc3\xbc\xc3\x9f", "gr%C3%BC%C3%9F"},
        {"\xff", "%FF"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text text;
        text_init(&text, 1000);
        keys_add_name(&text, rows[i].name);
        ck_assert_str_eq(text.data, rows[i].encoded);
        text_release(&text);
    }
}
END_TEST

static void check_segments(const char *key)
{
    for (const char *p = key; *p != '\0';) {
        size_t length = strcspn(p, "/");
        ck_assert_uint_gt(length, 0);
        ck_assert_uint_le(length, 255);
        p += length + (p[length] == '/');
    }
}

START_TEST(long_names_are_cut_alike_each_time_and_stay_different)
{
    char one[1001], two[1001], id[ULID_SIZE];
    for (unsigned shift = 0; shift < 3; shift++) {
        memset(one, 'x', sizeof one);
        memset(one + shift, 0xC3, sizeof one - shift);
        one[1000] = '\0';
        memcpy(two, one, sizeof two);
        two[999] = 'y';
        struct keys_artifact a = shop, b = shop;
        a.source = a.database = one;
        b.source = b.database = two;
        a.type = b.type = "schema";
        a.format = b.format = "custom";
        a.compression = b.compression = "bzip2";
        char *first = keys_data(&a), *again = keys_data(&a), *other = keys_data(&b);
        ck_assert_str_eq(first, again);
        ck_assert_str_ne(first, other);
        check_segments(first);
        ck_assert_uint_le(strlen(first), 700);
        /* No half "%XX": each is followed by two digits. */
        for (const char *p = strchr(first, '%'); p != NULL; p = strchr(p + 1, '%'))
            ck_assert_uint_eq(strspn(p + 1, "C3") >= 2, 1);
        ck_assert_int_eq(keys_parse(first, id), KEYS_KIND_DATA);
        free(first);
        free(again);
        free(other);
    }
}
END_TEST

START_TEST(the_longest_name_of_postgresql_is_not_cut)
{
    char name[64];
    struct keys_artifact artifact = shop;
    memset(name, ' ', 63);
    name[63] = '\0';
    artifact.database = name;
    artifact.type = "schema";
    artifact.format = "custom";
    artifact.compression = "bzip2";
    char *key = keys_data(&artifact);
    ck_assert_ptr_null(strstr(key, "%20-0"));
    ck_assert_ptr_nonnull(strstr(key, "%20-schema-"));
    check_segments(key);
    free(key);
}
END_TEST

START_TEST(every_key_we_make_is_recognised_with_its_id)
{
    static const char *const names[] = {"shop",
                                        "..",
                                        "a.sql.gz",
                                        "a-full-b",
                                        "x/y",
                                        "globals",
                                        "a-" TIME "-" ID ".index.gz",
                                        "%",
                                        "\xff\n"};
    static const char *const kinds[] = {"full", "schema", "data", "globals"};
    static const char *const codecs[] = {"gzip", "zstd", "bzip2", "none"};
    static const char *const formats[] = {"plain", "custom"};
    char id[ULID_SIZE];
    for (unsigned n = 0; n < 9 * 4 * 4 * 2; n++) {
        struct keys_artifact artifact = shop;
        artifact.source = artifact.database = names[n % 9];
        artifact.type = kinds[n / 9 % 4];
        artifact.compression = codecs[n / 36 % 4];
        artifact.format = formats[n / 144];
        char *data = keys_data(&artifact), *index = keys_index(&artifact);
        ck_assert_msg(keys_parse(data, id) == KEYS_KIND_DATA, "%s", data);
        ck_assert_str_eq(id, ID);
        ck_assert_msg(keys_parse(index, id) == KEYS_KIND_INDEX, "%s", index);
        ck_assert_str_eq(id, ID);
        free(data);
        free(index);
    }
}
END_TEST

START_TEST(random_names_give_safe_keys_that_are_recognised)
{
    uint64_t state = 20261121;
    char name[301], id[ULID_SIZE];
    for (unsigned n = 0; n < 20000; n++) {
        size_t length = 1 + n % (n % 7 == 0 ? 300 : 20);
        for (size_t i = 0; i < length; i++) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            unsigned char byte = (unsigned char)(state >> 56);
            name[i] = (char)(byte % 4 == 0 ? "./-%"[byte / 4 % 4] : byte == 0 ? 1 : byte);
        }
        name[length] = '\0';
        struct keys_artifact artifact = shop;
        artifact.source = artifact.database = name;
        char *key = keys_data(&artifact);
        check_segments(key);
        ck_assert_uint_eq(strspn(key, SAFE "%/"), strlen(key));
        ck_assert_ptr_null(strstr(key, "/../"));
        ck_assert_ptr_null(strstr(key, "/./"));
        ck_assert_msg(keys_parse(key, id) == KEYS_KIND_DATA, "%s", key);
        free(key);
    }
}
END_TEST

START_TEST(other_keys_are_told_apart)
{
    static const struct {
        const char *key;
        enum keys_kind kind;
        bool has_id;
    } rows[] = {
        {"manifests/" ID ".json", KEYS_KIND_MANIFEST, true},
        {"state/" ID ".json", KEYS_KIND_STATE, true},
        {"pgkeep-store.json", KEYS_KIND_MARK, false},
        {"RECOVERY.md", KEYS_KIND_RECOVERY, false},
        {"data/a/b/2026/." ID ".part", KEYS_KIND_TEMP, true},
        {"manifests/." ID ".0123abcd.part", KEYS_KIND_TEMP, true},
        {"." ID ".part", KEYS_KIND_TEMP, true},
        {"", KEYS_KIND_OTHER, false},
        {"manifests/" ID ".json.bak", KEYS_KIND_OTHER, false},
        {"manifests/01kc1e5t00abcdefghjkmnpqrs.json", KEYS_KIND_OTHER, false},
        {"x/manifests/" ID ".json", KEYS_KIND_OTHER, false},
        {"manifests/" ID, KEYS_KIND_OTHER, false},
        {"manifests/." ID ".0123abc.part", KEYS_KIND_OTHER, false},
        {"data/" ID ".sql.gz", KEYS_KIND_OTHER, false},
        {"data/a/b/2026/b-full-" TIME "-" ID ".tar", KEYS_KIND_OTHER, false},
        {"data/a/b/2026/b-full-" TIME "-" ID ".sql.gz.bak", KEYS_KIND_OTHER, false},
        {"data/a/b/2026/b-full-" TIME "-" ID, KEYS_KIND_OTHER, false},
        {"data/a/b/2025/b-full-" TIME "-" ID ".sql.gz", KEYS_KIND_OTHER, false},
        {"data/a/b/2026/c-full-" TIME "-" ID ".sql.gz", KEYS_KIND_OTHER, false},
        {"data/a/b/2026/b-half-" TIME "-" ID ".sql.gz", KEYS_KIND_OTHER, false},
        {"data/a/b/2026/b-" TIME "-" ID ".sql.gz", KEYS_KIND_OTHER, false},
        {"data/a/b/2026/x/b-full-" TIME "-" ID ".sql.gz", KEYS_KIND_OTHER, false},
        {"data/a//2026/-full-" TIME "-" ID ".sql.gz", KEYS_KIND_OTHER, false},
        {"data/a/b c/2026/b c-full-" TIME "-" ID ".sql.gz", KEYS_KIND_OTHER, false},
        {"data/a/b/2026/b-full-20261121T02000xZ-" ID ".sql.gz", KEYS_KIND_OTHER, false},
        {"old/data/a/b/2026/b-full-" TIME "-" ID ".sql.gz", KEYS_KIND_OTHER, false},
        {"data/../b/2026/b-full-" TIME "-" ID ".sql.gz", KEYS_KIND_OTHER, false},
        {"data/a/%2/2026/%2-full-" TIME "-" ID ".sql.gz", KEYS_KIND_OTHER, false},
        {"data/a/%2e/2026/%2e-full-" TIME "-" ID ".sql.gz", KEYS_KIND_OTHER, false},
        {"data/a/%2E/2026/%2E-full-" TIME "-" ID ".sql.gz", KEYS_KIND_DATA, true},
        {"data/a/globals/2026/globals-" TIME "-" ID ".sql.gz", KEYS_KIND_DATA, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char id[ULID_SIZE] = "?";
        ck_assert_msg(keys_parse(rows[i].key, id) == rows[i].kind, "%s is %s", rows[i].key,
                      keys_kind_name(keys_parse(rows[i].key, id)));
        ck_assert_str_eq(id, rows[i].has_id ? ID : "");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keys");
    TCase *tcase = tcase_create("keys");

    tcase_add_test(tcase, keys_are_those_of_the_contract);
    tcase_add_test(tcase, names_are_encoded_so_that_none_leaves_its_folder);
    tcase_add_test(tcase, long_names_are_cut_alike_each_time_and_stay_different);
    tcase_add_test(tcase, the_longest_name_of_postgresql_is_not_cut);
    tcase_add_test(tcase, every_key_we_make_is_recognised_with_its_id);
    tcase_add_test(tcase, random_names_give_safe_keys_that_are_recognised);
    tcase_add_test(tcase, other_keys_are_told_apart);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
