/*
 * libcurl's own conveniences are off where they would hide something from the layers above:
 * redirects (another host must be signed for), path changes (the path is signed), HTTP/2.
 */
#include "s3/http/setup.h"

#include "base/memory.h"

void s3_setup_long(struct s3_setup *setup, CURLoption option, long value)
{
    if (setup->code == CURLE_OK)
        setup->code = curl_easy_setopt(setup->easy, option, value);
}

void s3_setup_text(struct s3_setup *setup, CURLoption option, const char *value)
{
    if (setup->code == CURLE_OK && value != NULL)
        setup->code = curl_easy_setopt(setup->easy, option, value);
}

void s3_setup_pointer(struct s3_setup *setup, CURLoption option, void *value)
{
    if (setup->code == CURLE_OK)
        setup->code = curl_easy_setopt(setup->easy, option, value);
}

/* Which type an option wants, curl's macro cannot check here: it is said beside each call. */
void s3_setup_function(struct s3_setup *setup, CURLoption option, s3_setup_any function)
{
    if (setup->code == CURLE_OK)
        setup->code = curl_easy_setopt(setup->easy, option, function);
}

void s3_setup_line(struct s3_setup *setup, const char *line)
{
    struct curl_slist *longer = curl_slist_append(setup->lines, line);
    if (longer == NULL) {
        setup->code = CURLE_OUT_OF_MEMORY;
        return;
    }
    /* Set anew with each: the list's head may have been empty before. */
    setup->lines = longer;
    s3_setup_pointer(setup, CURLOPT_HTTPHEADER, longer);
}

/* The first option that is refused ends it; which one does not matter, as that is a libcurl built
 * without something. */
void s3_setup_common(struct s3_setup *setup, const struct s3_setup_common *common)
{
    /* Where to, and nowhere else: neither another scheme, nor another host, nor another path than
     * the one that was signed. */
    s3_setup_text(setup, CURLOPT_URL, common->url);
    s3_setup_text(setup, CURLOPT_PROTOCOLS_STR, "http,https");
    s3_setup_long(setup, CURLOPT_FOLLOWLOCATION, 0);
    s3_setup_long(setup, CURLOPT_PATH_AS_IS, 1);
    /* Over TLS curl would choose HTTP/2: all parts on one TCP connection (S3.md 2.3). */
    s3_setup_long(setup, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    /* With CUSTOMREQUEST alone curl would wait for the body that a HEAD only announces. */
    if (strcmp(common->method, "HEAD") == 0)
        s3_setup_long(setup, CURLOPT_NOBODY, 1);
    else
        s3_setup_text(setup, CURLOPT_CUSTOMREQUEST, common->method);

    /* Certificates and host names are verified by default; only whose authority it is differs. */
    s3_setup_long(setup, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    s3_setup_text(setup, CURLOPT_CAINFO, common->ca_file);
    /* An empty string turns proxies of the environment off as well; NULL would not. */
    s3_setup_text(setup, CURLOPT_PROXY, common->no_proxy ? "" : common->proxy);

    /* No SIGALRM in a program with threads. */
    s3_setup_long(setup, CURLOPT_NOSIGNAL, 1);
    /* A resolver that hangs is left behind, or giving up would wait for it (curl joins its thread
     * otherwise). */
    s3_setup_long(setup, CURLOPT_QUICK_EXIT, 1);
    s3_setup_long(setup, CURLOPT_CONNECTTIMEOUT_MS, (long)common->connect_timeout_ms);
    s3_setup_long(setup, CURLOPT_TIMEOUT_MS, (long)common->timeout_ms);
    for (size_t i = 0; common->headers != NULL && i < common->headers->count; i++)
        s3_setup_line(setup, common->headers->items[i]);
}

void s3_setup_free_lines(struct curl_slist *lines)
{
    for (struct curl_slist *line = lines; line != NULL; line = line->next)
        memory_wipe(line->data, strlen(line->data));
    curl_slist_free_all(lines);
}
