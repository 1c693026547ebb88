/* Types that print in a form of their own. Fields are found by the names that they have in .NET 8 to 10. */
#include "client/value.h"

#include <stdio.h>
#include <stdlib.h>

#define TICKS_A_SECOND INT64_C(10000000)
#define TICKS_A_DAY    (INT64_C(86400) * TICKS_A_SECOND)

bool value_text(decoder *d, rj_kind kind, const char *text, rj_value *out)
{
    out->text = arena_strdup(d->a, text);
    if (!out->text) out->text = "";
    out->kind = kind;
    out->text_size = strlen(out->text);
    return true;
}

/* ---- numbers ---- */

typedef unsigned __int128 u128;

static char *put_u128(u128 v, char *end)
{
    *--end = 0;
    do {
        *--end = (char)('0' + (int)(v % 10));
        v /= 10;
    } while (v);
    return end;
}

bool known_decimal(decoder *d, uint32_t flags, uint32_t high, uint64_t low, rj_value *out)
{
    u128 n = (u128)high << 64 | low;
    unsigned scale = flags >> 16 & 0xFF;
    if (scale > 28) return false;
    char digits[48], text[64];
    char *p = put_u128(n, digits + sizeof digits);
    while (strlen(p) <= scale)
        *--p = '0'; /* a digit before the point */
    size_t whole = strlen(p) - scale;
    snprintf(text, sizeof text, "%s%.*s%s%s", flags >> 31 ? "-" : "", (int)whole, p, scale ? "." : "", p + whole);
    return value_text(d, RJ_DECIMAL, text, out);
}

static bool read_decimal(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    (void)depth;
    int64_t flags, high, low;
    return value_field_int(v, "_flags", &flags) && value_field_int(v, "_hi32", &high) &&
           value_field_int(v, "_lo64", &low) && known_decimal(d, (uint32_t)flags, (uint32_t)high, (uint64_t)low, out);
}

static bool read_int128(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    (void)depth;
    int64_t low, high;
    if (!value_field_int(v, "_lower", &low) || !value_field_int(v, "_upper", &high)) return false;
    u128 n = (u128)(uint64_t)high << 64 | (uint64_t)low;
    bool negative = strcmp(v->type->base, "System.Int128") == 0 && high < 0;
    char digits[48];
    char *p = put_u128(negative ? (u128)0 - n : n, digits + sizeof digits);
    if (negative) *--p = '-';
    return value_text(d, RJ_DECIMAL, p, out);
}

/* The magnitude of a finite Half. */
static double half_value(unsigned bits)
{
    int exponent = bits >> 10 & 31;
    double f = bits & 1023;
    return exponent ? __builtin_ldexp(f + 1024, exponent - 25) : __builtin_ldexp(f, -24);
}

/* The shortest decimal that no other Half is as near to: 0.1, not 0.099975586. */
static double half_shortest(unsigned bits)
{
    double f = half_value(bits), below = bits ? half_value(bits - 1) : 0, above = half_value(bits + 1);
    for (int digits = 1; digits <= 5; digits++) {
        char text[32];
        snprintf(text, sizeof text, "%.*g", digits, f);
        double g = strtod(text, NULL);
        if (g > (below + f) / 2 && g < (f + above) / 2) return g;
    }
    return f;
}

static bool read_half(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    (void)d, (void)depth;
    int64_t raw;
    if (!value_field_int(v, "_value", &raw)) return false;
    unsigned bits = (unsigned)raw & 0x7FFF;
    double f = half_shortest(bits);
    if (bits >= 0x7C00) f = bits > 0x7C00 ? (double)__builtin_nanf("") : (double)__builtin_inff();
    out->kind = RJ_SINGLE;
    out->f = raw & 0x8000 ? -f : f;
    return true;
}

/* ---- time ---- */

/* Days since 0001-01-01 to a date of the proleptic Gregorian calendar. */
static void civil(int64_t days, int *year, int *month, int *day)
{
    int64_t z = days + 306; /* since 0000-03-01 */
    int64_t era = z / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2));
}

static void put_clock(int64_t ticks, buf_t *b)
{
    int64_t s = ticks / TICKS_A_SECOND, part = ticks % TICKS_A_SECOND;
    buf_printf(b, "%02d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
    if (part) buf_printf(b, ".%07d", (int)part);
}

static bool put_date(int64_t days, buf_t *b)
{
    int y, m, d;
    if (days < 0 || days > 3652058) return false; /* 9999-12-31 */
    civil(days, &y, &m, &d);
    buf_printf(b, "%04d-%02d-%02d", y, m, d);
    return true;
}

static bool put_moment(int64_t ticks, buf_t *b)
{
    if (ticks < 0 || !put_date(ticks / TICKS_A_DAY, b)) return false;
    buf_u8(b, 'T');
    put_clock(ticks % TICKS_A_DAY, b);
    return true;
}

static bool finish_time(decoder *d, bool ok, buf_t *b, rj_value *out)
{
    if (ok) value_text(d, RJ_TIME, buf_cstr(b), out);
    buf_free(b);
    return ok;
}

#define DATE_TICKS INT64_C(0x3FFFFFFFFFFFFFFF)

static bool read_datetime(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    (void)depth;
    int64_t data;
    buf_t b = {0};
    if (!value_field_int(v, "_dateData", &data)) return false;
    bool ok = put_moment(data & DATE_TICKS, &b);
    if ((uint64_t)data >> 62 == 1) buf_u8(&b, 'Z'); /* the others are local or unspecified: no zone is known */
    return finish_time(d, ok, &b, out);
}

static bool read_offset(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    (void)depth;
    int64_t minutes, data;
    const type_field *f = type_field_of(v->type, "_dateTime");
    buf_t b = {0};
    if (!f || f->offset > v->n || v->n - f->offset < 8) return false;
    if (!value_field_int(v, "_offsetMinutes", &minutes) || minutes < -14 * 60 || minutes > 14 * 60) return false;
    memcpy(&data, v->p + f->offset, sizeof data); /* a DateTime is one word, in UTC here */
    bool ok = put_moment((data & DATE_TICKS) + minutes * 60 * TICKS_A_SECOND, &b);
    int64_t m = minutes < 0 ? -minutes : minutes;
    buf_printf(&b, "%c%02d:%02d", minutes < 0 ? '-' : '+', (int)(m / 60), (int)(m % 60));
    return finish_time(d, ok, &b, out);
}

static bool read_timespan(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    (void)depth;
    int64_t ticks;
    buf_t b = {0};
    if (!value_field_int(v, "_ticks", &ticks)) return false;
    uint64_t n = ticks < 0 ? 0 - (uint64_t)ticks : (uint64_t)ticks;
    if (ticks < 0) buf_u8(&b, '-');
    if (n >= (uint64_t)TICKS_A_DAY) buf_printf(&b, "%llu.", (unsigned long long)(n / (uint64_t)TICKS_A_DAY));
    put_clock((int64_t)(n % (uint64_t)TICKS_A_DAY), &b);
    return finish_time(d, true, &b, out);
}

static bool read_dateonly(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    (void)depth;
    int64_t days;
    buf_t b = {0};
    if (!value_field_int(v, "_dayNumber", &days)) return false;
    return finish_time(d, put_date(days, &b), &b, out);
}

static bool read_timeonly(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    (void)depth;
    int64_t ticks;
    buf_t b = {0};
    if (!value_field_int(v, "_ticks", &ticks) || ticks < 0 || ticks >= TICKS_A_DAY) return false;
    put_clock(ticks, &b);
    return finish_time(d, true, &b, out);
}

static bool read_guid(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    (void)depth;
    uint32_t a;
    uint16_t b, c;
    char text[48];
    if (v->n < 16) return false;
    memcpy(&a, v->p, 4);
    memcpy(&b, v->p + 4, 2);
    memcpy(&c, v->p + 6, 2);
    const uint8_t *r = v->p + 8;
    snprintf(text, sizeof text, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", a, b, c, r[0], r[1], r[2], r[3],
             r[4], r[5], r[6], r[7]);
    return value_text(d, RJ_GUID, text, out);
}

/* ---- things that hold others ---- */

static bool read_nullable(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    int64_t has;
    const char *name = out->name;
    rj_value inner;
    if (!value_field_int(v, "hasValue", &has)) return false;
    if (!has) {
        out->kind = RJ_NULL;
        return true;
    }
    if (!value_field(d, v, "value", depth, &inner)) return false;
    *out = inner;
    out->name = name;
    return true;
}

const piece *value_array(decoder *d, const view *v, const char *field, const type_info **type)
{
    const type_field *f = type_field_of(v->type, field);
    uint64_t address = 0;
    if (!f || f->offset > v->n || v->n - f->offset < 8) return NULL;
    memcpy(&address, v->p + f->offset, 8);
    const piece *x = address ? value_piece(d, address) : NULL;
    *type = x ? types_get(d->s, x->type) : NULL;
    return *type ? x : NULL;
}

static bool read_memory(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    int64_t index, length;
    const type_info *t = NULL;
    if (!value_field_int(v, "_index", &index) || !value_field_int(v, "_length", &length) || length < 0) return false;
    index &= INT32_MAX; /* the high bit says that the array is pinned already */
    const piece *x = value_array(d, v, "_object", &t);
    out->kind = RJ_LIST;
    out->length = (uint64_t)length;
    if (!x) return true;
    if (t->kind == WIRE_STRING) {
        uint64_t units = RJ_MIN(x->copied / 2, x->length);
        uint64_t from = RJ_MIN((uint64_t)index, units), n = RJ_MIN(units - from, (uint64_t)length);
        value_utf16(d, RJ_STRING, x->bytes + from * 2, n, n < (uint64_t)length, out);
    } else if (t->kind == WIRE_ARRAY && t->element_size) {
        uint64_t skip = RJ_MIN((uint64_t)index * t->element_size, (uint64_t)x->copied);
        value_items(d, types_get(d->s, t->element_type), t->element_size, (uint64_t)length, x->bytes + skip,
                    x->copied - (uint32_t)skip, depth, out);
    }
    return true;
}

static bool read_segment(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    int64_t index, length;
    const type_info *t = NULL;
    if (!value_field_int(v, "_offset", &index) || !value_field_int(v, "_count", &length) || length < 0 || index < 0)
        return false;
    const piece *x = value_array(d, v, "_array", &t);
    out->kind = RJ_LIST;
    out->length = (uint64_t)length;
    if (!x || t->kind != WIRE_ARRAY || !t->element_size) return true;
    uint64_t skip = RJ_MIN((uint64_t)index * t->element_size, (uint64_t)x->copied);
    value_items(d, types_get(d->s, t->element_type), t->element_size, (uint64_t)length, x->bytes + skip,
                x->copied - (uint32_t)skip, depth, out);
    return true;
}

/* What Rest holds belongs to the tuple as its author wrote it. */
static bool join_rest(decoder *d, rj_value *items, rj_value *out)
{
    const rj_value *rest = &items[7];
    if (out->count != 8 || rest->kind != RJ_TUPLE) return true;
    rj_value *all = arena_array(d->a, 7 + rest->count, sizeof *all);
    if (!all) return false;
    memcpy(all, items, 7 * sizeof *all);
    if (rest->count) memcpy(all + 7, rest->items, rest->count * sizeof *all);
    out->items = all;
    out->count = 7 + rest->count;
    return true;
}

/* ValueTuple and Tuple: Item1.. or m_Item1.., in the order of their names. */
static bool read_tuple(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    bool by_reference = v->type->kind == WIRE_CLASS;
    rj_value *items = arena_array(d->a, 8, sizeof *items);
    if (!items || (by_reference && !v->n && v->type->field_count)) return false;
    for (unsigned i = 0; i < 8; i++) {
        char name[16];
        snprintf(name, sizeof name, i < 7 ? "%sItem%u" : "%sRest", by_reference ? "m_" : "", i + 1);
        if (!value_field(d, v, name, depth, &items[out->count])) break;
        out->cut |= items[out->count].cut;
        out->count++;
    }
    out->kind = RJ_TUPLE;
    out->items = items;
    return join_rest(d, items, out);
}

static bool read_pair(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    rj_value *items = arena_array(d->a, 2, sizeof *items);
    if (!items || !value_field(d, v, "key", depth, &items[0]) || !value_field(d, v, "value", depth, &items[1]))
        return false;
    out->kind = RJ_TUPLE;
    out->items = items;
    out->count = 2;
    return true;
}

/* Task.m_stateFlags. */
static const char *task_state(int64_t flags)
{
    if (flags & 0x200000) return "Faulted";
    if (flags & 0x400000) return "Canceled";
    if (flags & 0x1000000) return "RanToCompletion";
    if (flags & 0x800000) return "WaitingForChildrenToComplete";
    if (flags & 0x20000) return "Running";
    if (flags & 0x10000) return "WaitingToRun";
    if (flags & 0x2000000) return "WaitingForActivation";
    return "Created";
}

static void add_result(decoder *d, const view *v, const char *field, unsigned depth, rj_value *out)
{
    rj_value *result = arena_alloc(d->a, sizeof *result);
    /* A Task without a result is a Task<VoidTaskResult> inside. */
    const type_field *f = type_field_of(v->type, field);
    if (!result || !f || strstr(f->type_name, "VoidTaskResult") || strstr(v->type->name, "VoidTaskResult")) return;
    if (!value_field(d, v, field, depth, result)) return;
    out->items = result;
    out->count = 1;
}

/* The task that an async method returns is of a class of the compiler's; to people it is a Task. */
static const char *task_type(decoder *d, const type_info *t)
{
    static const char task[] = "System.Threading.Tasks.Task";
    const char *name = t->name;
    for (uint32_t i = 0; strcmp(type_base_name(d->a, name), task) != 0; i++) {
        if (i == t->parent_count) return t->name;
        name = t->parents[i];
    }
    return strstr(name, "VoidTaskResult") ? task : name;
}

bool known_task(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    int64_t flags;
    if (!value_field_int(v, "m_stateFlags", &flags)) return false;
    const char *state = task_state(flags);
    out->type = task_type(d, v->type);
    value_text(d, RJ_STATE, state, out);
    if (strcmp(state, "RanToCompletion") == 0) add_result(d, v, "m_result", depth, out);
    return true;
}

static bool read_valuetask(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    const type_field *f = type_field_of(v->type, "_obj");
    const type_info *t = NULL;
    uint64_t address;
    if (!f || f->offset > v->n || v->n - f->offset < 8) return false;
    memcpy(&address, v->p + f->offset, 8);
    if (!address) {
        value_text(d, RJ_STATE, "RanToCompletion", out);
        add_result(d, v, "_result", depth, out);
        return true;
    }
    const piece *x = value_array(d, v, "_obj", &t);
    if (x && type_is(t, "System.Threading.Tasks.Task") && known_task(d, &(view){t, x->bytes, x->copied}, depth, out)) {
        out->type = v->type->name;
        return true;
    }
    return value_text(d, RJ_STATE, "Pending", out);
}

/* Its message, and with depth what the class itself adds to System.Exception. */
static bool read_exception(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    static const char *const inherited[] = {"_exceptionMethod",
                                            "_message",
                                            "_data",
                                            "_innerException",
                                            "_helpURL",
                                            "_stackTrace",
                                            "_watsonBuckets",
                                            "_stackTraceString",
                                            "_remoteStackTraceString",
                                            "_dynamicMethods",
                                            "_source",
                                            "_ipForWatsonBuckets",
                                            "_xptrs",
                                            "_xcode",
                                            "_HResult",
                                            "_unused4_HResult",
                                            NULL};
    rj_value message, rest = {.text = ""};
    if (!value_field(d, v, "_message", 0, &message)) return false;
    message.name = "message";
    if (depth) value_fields(d, v, inherited, depth - 1, &rest);
    rj_value *items = arena_array(d->a, rest.count + 1, sizeof *items);
    if (!items) return false;
    items[0] = message;
    if (rest.count) memcpy(items + 1, rest.items, rest.count * sizeof *items);
    out->kind = RJ_OBJECT;
    out->items = items;
    out->count = rest.count + 1;
    out->cut |= rest.cut;
    return true;
}

/* Their fields say nothing to a person. */
static bool read_nothing(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    (void)d, (void)depth;
    value_opaque(v->type->name, out);
    return true;
}

typedef bool reader(decoder *d, const view *v, unsigned depth, rj_value *out);
static const struct {
    const char *name;
    reader *read;
} table[] = {
    {"System.Nullable", read_nullable},
    {"System.Decimal", read_decimal},
    {"System.DateTime", read_datetime},
    {"System.DateTimeOffset", read_offset},
    {"System.TimeSpan", read_timespan},
    {"System.Guid", read_guid},
    {"System.DateOnly", read_dateonly},
    {"System.TimeOnly", read_timeonly},
    {"System.Int128", read_int128},
    {"System.UInt128", read_int128},
    {"System.Half", read_half},
    {"System.Collections.Generic.KeyValuePair", read_pair},
    {"System.ValueTuple", read_tuple},
    {"System.Tuple", read_tuple},
    {"System.Memory", read_memory},
    {"System.ReadOnlyMemory", read_memory},
    {"System.ArraySegment", read_segment},
    {"System.Threading.Tasks.ValueTask", read_valuetask},
    {"System.RuntimeType", read_nothing},
};

static bool read_by_type(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    for (size_t i = 0; i < RJ_COUNT(table); i++)
        if (strcmp(table[i].name, v->type->base) == 0) return table[i].read(d, v, depth, out);
    if (framework_read(d, v, depth, out)) return true;
    if (v->type->kind != WIRE_CLASS) return false;
    if (type_is(v->type, "System.Threading.Tasks.Task")) return known_task(d, v, depth, out);
    if (type_is(v->type, "System.Exception")) return read_exception(d, v, depth, out);
    return type_is(v->type, "System.MulticastDelegate") && read_nothing(d, v, depth, out);
}

bool known_read(decoder *d, const view *v, unsigned depth, rj_value *out)
{
    const rj_value blank = *out;
    const bool ok = read_by_type(d, v, depth, out);
    if (!ok) *out = blank;
    return ok;
}
