#include "base/base.h"

#include <errno.h>
#include <stdio.h>

bool(err_set)(err_t *e, err_code code, int64_t at, const char *fmt, ...)
{
    if (!e) return false;
    e->code = code;
    e->at = at;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    return false;
}

bool err_prefix(err_t *e, const char *fmt, ...)
{
    if (!e) return false;
    char words[sizeof e->text];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    if (n < 0) return false;
    size_t len = RJ_MIN((size_t)n, sizeof words - 1);
    size_t rest = RJ_MIN(strlen(e->text), sizeof e->text - 1 - len);
    memmove(e->text + len, e->text, rest);
    memcpy(e->text, words, len);
    e->text[len + rest] = 0;
    return false;
}

bool(err_errno)(err_t *e, const char *fmt, ...)
{
    int saved = errno;
    if (!e) return false;
    e->code = ERR_SYSTEM;
    e->at = -1;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof e->text) return false;
    char why[128];
    snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", strerror_r(saved, why, sizeof why));
    return false;
}
