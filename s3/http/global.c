/*
 * In a file of its own: the program sets the libraries up whether it will need a client or not.
 * Neither's set-up is safe beside other threads, so it comes before the first.
 */
#include "s3/s3.h"

#include <curl/curl.h>
#include <libxml/parser.h>

int s3_global_init(struct err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_SYSTEM, "libcurl cannot be initialised");
    xmlInitParser();
    return 0;
}

void s3_global_release(void)
{
    xmlCleanupParser();
    curl_global_cleanup();
}
