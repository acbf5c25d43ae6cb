/* pg_dump's own words (--section), which stand in the index. */
#include "stream/scan/section.h"

static const char *const section_names[SECTION_COUNT] = {
    [SECTION_PRE_DATA] = "pre-data",
    [SECTION_DATA] = "data",
    [SECTION_POST_DATA] = "post-data",
};

const char *section_name(enum section section)
{
    return section_names[section];
}

bool section_from_name(const char *name, enum section *out)
{
    /* SECTION_NONE, that of an archive, has no word: its chunks name no section. */
    for (unsigned i = SECTION_PRE_DATA; i < SECTION_COUNT; i++) {
        if (strcmp(name, section_names[i]) == 0) {
            *out = (enum section)i;
            return true;
        }
    }
    return false;
}
