#include "tests/support/fake_certificate.h"

#include "base/memory.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { A_DAY = 86400 };

static bool add_extension(X509 *certificate, int kind, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    bool done = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

static X509 *make(const char *name, long serial, EVP_PKEY *key)
{
    X509 *made = X509_new();
    X509_NAME *subject = X509_NAME_new();
    bool good = made != NULL && subject != NULL && X509_set_version(made, 2) == 1 &&
                ASN1_INTEGER_set(X509_get_serialNumber(made), serial) == 1 &&
                X509_gmtime_adj(X509_getm_notBefore(made), -A_DAY) != NULL &&
                X509_gmtime_adj(X509_getm_notAfter(made), A_DAY) != NULL &&
                X509_set_pubkey(made, key) == 1 &&
                X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                           (const unsigned char *)name, -1, -1, 0) == 1 &&
                X509_set_subject_name(made, subject) == 1;

    X509_NAME_free(subject);
    if (good)
        return made;
    X509_free(made);
    return NULL;
}

static X509 *make_authority(EVP_PKEY *key)
{
    X509 *made = make("authority of a test", 1, key);

    if (made != NULL && X509_set_issuer_name(made, X509_get_subject_name(made)) == 1 &&
        add_extension(made, NID_basic_constraints, "critical,CA:TRUE") &&
        X509_sign(made, key, EVP_sha256()) > 0)
        return made;
    X509_free(made);
    return NULL;
}

static X509 *make_server(const char *host, EVP_PKEY *key, X509 *authority,
                         EVP_PKEY *authority_key)
{
    X509 *made = make(host, 2, key);
    char *names = memory_format("DNS:%s", host);

    if (made != NULL && X509_set_issuer_name(made, X509_get_subject_name(authority)) == 1 &&
        add_extension(made, NID_subject_alt_name, names) &&
        X509_sign(made, authority_key, EVP_sha256()) > 0) {
        free(names);
        return made;
    }
    free(names);
    X509_free(made);
    return NULL;
}

static bool write_file(const char *path, X509 *certificate)
{
    FILE *file = fopen(path, "we");
    bool written = file != NULL && PEM_write_X509(file, certificate) == 1;

    if (file != NULL && fclose(file) != 0)
        written = false;
    return written;
}

SSL_CTX *fake_certificate_context(const char *host, const char *ca_path, struct err *err)
{
    EVP_PKEY *authority_key = EVP_EC_gen("P-256");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *authority = authority_key == NULL ? NULL : make_authority(authority_key);
    X509 *server = authority == NULL || key == NULL
                       ? NULL
                       : make_server(host, key, authority, authority_key);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    bool good = server != NULL && context != NULL && write_file(ca_path, authority) &&
                SSL_CTX_use_certificate(context, server) == 1 &&
                SSL_CTX_use_PrivateKey(context, key) == 1;

    X509_free(server);
    X509_free(authority);
    EVP_PKEY_free(key);
    EVP_PKEY_free(authority_key);
    if (good)
        return context;
    SSL_CTX_free(context);
    err_set(err, ERR_SYSTEM, "a certificate for the test cannot be made");
    return NULL;
}
