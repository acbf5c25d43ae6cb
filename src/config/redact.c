/*
 * An endpoint or a proxy is shown in errors and in `pgkeep config`; whatever stands in front
 * of its '@' is not.
 */
#include "config/redact.h"

/* The '@' that ends user:password in the authority, or NULL. */
static const char *find_userinfo_end(const char *url, const char **start)
{
    const char *scheme = strstr(url, "://");
    const char *authority = scheme ? scheme + 3 : url;
    const char *end = authority + strcspn(authority, "/?#");
    *start = authority;
    /* The last one: a password may hold an @, a host may not. */
    for (const char *at = end; at > authority; at--) {
        if (at[-1] == '@')
            return at - 1;
    }
    return NULL;
}

bool redact_url_has_password(const char *url)
{
    const char *start;
    return find_userinfo_end(url, &start) != NULL;
}

void redact_url(const char *url, struct text *out)
{
    const char *start;
    const char *at = find_userinfo_end(url, &start);
    if (!at) {
        text_add(out, url);
        return;
    }
    /* User and password alike: an access key as a user name is half a secret. */
    text_add_bytes(out, url, (size_t)(start - url));
    text_add(out, "***");
    text_add(out, at);
}
