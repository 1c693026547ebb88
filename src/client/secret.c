/* Which names look as if their value were a secret. */
#include "client/client-priv.h"

#include <ctype.h>
#include <strings.h>

/* Anywhere in a name. */
static const char *const anywhere[] = {
    "password", "passwd",  "passphrase", "secret",      "token",      "authorization", "cookie",           "credential",
    "apikey",   "api_key", "privatekey", "private_key", "creditcard", "cardnumber",    "connectionstring",
};
/* Only as a word of its own, as camelCase and underscores cut them: "discard" holds no card, "cardNumber" does. */
static const char *const words[] = {"pwd", "card", "ssn", "cvv", "cvc", "iban", "pin", "pan", "otp", "auth"};
static const char *const harmless[] = {"CancellationToken", "CancellationTokenSource"};

static bool is_word(const char *start, size_t n)
{
    for (size_t i = 0; i < RJ_COUNT(words); i++)
        if (strlen(words[i]) == n && strncasecmp(words[i], start, n) == 0) return true;
    return false;
}

/* Where the word that starts at p ends: at a capital after a small letter, at what is no letter. */
static const char *word_end(const char *p)
{
    bool capitals = isupper((unsigned char)p[0]) && isupper((unsigned char)p[1]);
    const char *q = p + 1;
    while (isalpha((unsigned char)*q)) {
        bool upper = isupper((unsigned char)*q) != 0;
        if (!capitals && upper) break;
        if (capitals && upper && islower((unsigned char)q[1])) break;
        q++;
    }
    return q;
}

bool secret_name(const char *name, const char *type)
{
    for (size_t i = 0; type && i < RJ_COUNT(harmless); i++) {
        size_t n = strlen(type), m = strlen(harmless[i]);
        if (n >= m && strcmp(type + n - m, harmless[i]) == 0 && (n == m || type[n - m - 1] == '.')) return false;
    }
    for (size_t i = 0; i < RJ_COUNT(anywhere); i++)
        if (strcasestr(name, anywhere[i])) return true;
    for (const char *p = name; *p;) {
        if (!isalpha((unsigned char)*p)) {
            p++;
            continue;
        }
        const char *end = word_end(p);
        if (is_word(p, (size_t)(end - p))) return true;
        p = end;
    }
    return false;
}

const char *secret_method_part(buf_t *b, const char *full)
{
    const char *end = strchr(full, '(');
    size_t n = end ? (size_t)(end - full) : strlen(full);
    size_t start = 0;
    for (size_t i = 0; i < n; i++)
        if (full[i] == '.') start = i + 1;
    buf_put(b, full + start, n - start);
    return buf_cstr(b);
}
