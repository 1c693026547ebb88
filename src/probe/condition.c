/* Conditions: postfix steps over the captured arguments. Bounded: each step looks at one slot. */
#include "probe/number-priv.h"
#include "probe/probe-priv.h"

/* ---- decimals ---- */

enum { LIMBS = 3, SCALE_MOST = 28 };

/* 96 bits, times ten up to 28 times: 190 bits. */
static void magnitude(const probe_decimal *d, unsigned tens, uint64_t v[LIMBS])
{
    v[0] = d->low;
    v[1] = d->high;
    v[2] = 0;
    for (; tens; tens--) {
        unsigned __int128 carry = 0;
        for (unsigned i = 0; i < LIMBS; i++) {
            carry += (unsigned __int128)v[i] * 10;
            v[i] = (uint64_t)carry;
            carry >>= 64;
        }
    }
}

static unsigned scale_of(const probe_decimal *d)
{
    return RJ_MIN(d->flags >> 16 & 0xFFu, (unsigned)SCALE_MOST); /* more would be none */
}

static bool is_below_zero(const probe_decimal *d)
{
    return d->flags >> 31 && (d->low || d->high);
}

int probe_order_decimals(const probe_decimal *a, const probe_decimal *b)
{
    uint64_t x[LIMBS], y[LIMBS];
    const bool below = is_below_zero(a);
    const unsigned i = scale_of(a), j = scale_of(b);
    if (below != is_below_zero(b)) return below ? -1 : 1;
    magnitude(a, j > i ? j - i : 0, x);
    magnitude(b, i > j ? i - j : 0, y);
    for (unsigned k = LIMBS; k-- > 0;)
        if (x[k] != y[k]) return (x[k] < y[k]) != below ? -1 : 1;
    return 0;
}

/* value: NULL, or so many bytes of one. */
static int order_decimal(const uint8_t *value, uint32_t size, const probe_decimal *literal)
{
    probe_decimal d;
    if (!value || size < sizeof d) return 2;
    memcpy(&d, value, sizeof d);
    return probe_order_decimals(&d, literal);
}

static bool text_equal(const wire_piece *p, const probe_op *op)
{
    if (!p || p->length != op->units) return false;
    uint32_t chars = RJ_MIN(p->copied / 2, (uint32_t)op->units);
    return memcmp(p + 1, op->text, (size_t)chars * 2) == 0;
}

/* No text is like nothing; of a long one the beginning is looked at. */
static bool text_like(const wire_piece *p, const probe_op *op)
{
    if (!p || p->length == UINT32_MAX) return false;
    return regex_matches(op->regex, (const uint16_t *)(const void *)(p + 1), RJ_MIN(p->copied / 2, p->length));
}

static bool compare_number(const probe_op *op, const uint8_t *value)
{
    number literal = op->literal == PROBE_INT    ? of_signed(op->i)
                     : op->literal == PROBE_UINT ? of_unsigned(op->u)
                                                 : of_float(op->f);
    return holds(op->compare, order(load(op->element, value), literal));
}

static bool threw(const wire_event *event)
{
    return event->kind == WIRE_EV_THROW || event->kind == WIRE_EV_MARK;
}

static bool compare(const probe_op *op, const wire_event *event)
{
    if (op->when == PROBE_RETURNED && event->kind != WIRE_EV_RETURN) return false;
    if (op->when == PROBE_THREW && !threw(event)) return false;
    const uint8_t *value = (const uint8_t *)event + op->slot;
    if (op->path && op->how == WIRE_PRIMITIVE && value[probe_path_room(op->element)] != PROBE_PATH_VALUE)
        return op->compare == (op->literal == PROBE_NULL ? PROBE_EQ : PROBE_NE);
    const wire_piece *p = op->how == WIRE_PRIMITIVE ? NULL : probe_piece_at(event, op->slot);
    switch ((probe_literal)op->literal) {
    case PROBE_NULL: /* a primitive: of a Nullable<T> that has a value */
        return holds(op->compare, p || op->how == WIRE_PRIMITIVE ? 1 : 0) &&
               (op->compare == PROBE_EQ || op->compare == PROBE_NE);
    case PROBE_TEXT: return text_equal(p, op) == (op->compare == PROBE_EQ);
    case PROBE_REGEX: return text_like(p, op) == (op->compare == PROBE_LIKE);
    case PROBE_DECIMAL:
        if (op->how == WIRE_PRIMITIVE)
            return holds(op->compare, order_decimal(value, sizeof(probe_decimal), op->decimal));
        return holds(op->compare, order_decimal(p ? (const uint8_t *)(p + 1) : NULL, p ? p->copied : 0, op->decimal));
    default: break;
    }
    uint8_t bytes[8] = {0};
    if (op->how != WIRE_PRIMITIVE) {
        if (!p || !p->copied) return op->compare == PROBE_NE;
        memcpy(bytes, p + 1, RJ_MIN(p->copied, 8u));
        value = bytes;
    }
    return compare_number(op, value);
}

/* ---- live values ---- */

static bool live_text_is(const probe_op *op, const uint8_t *string)
{
    uint32_t length; /* of a string: behind its type; its characters follow */
    memcpy(&length, string + 8, sizeof length);
    return length == op->units && op->text && memcmp(string + 12, op->text, (size_t)op->units * 2) == 0;
}

static bool live_text_like(const probe_op *op, const uint8_t *string)
{
    uint32_t length;
    memcpy(&length, string + 8, sizeof length);
    return regex_matches(op->regex, (const uint16_t *)(const void *)(string + 12), RJ_MIN(length, WIRE_STRING_MOST));
}

bool probe_compare_live(const probe_op *op, const uint8_t *at)
{
    const bool is_object = op->element == WIRE_E_STRING || op->element == WIRE_E_OBJECT;
    const uint8_t *object = NULL;
    uint8_t bytes[8] = {0};
    if (at && is_object) memcpy(&object, at, sizeof object);
    if (op->literal == PROBE_NULL) return (is_object ? !object : !at) == (op->compare == PROBE_EQ);
    if (!at || (is_object && !object)) return op->compare == PROBE_NE || op->compare == PROBE_UNLIKE;
    if (op->literal == PROBE_REGEX) return (object && live_text_like(op, object)) == (op->compare == PROBE_LIKE);
    if (op->literal == PROBE_TEXT) return (object && live_text_is(op, object)) == (op->compare == PROBE_EQ);
    if (op->literal == PROBE_DECIMAL) return holds(op->compare, order_decimal(at, sizeof(probe_decimal), op->decimal));
    memcpy(bytes, at, wire_element_size(op->element));
    return compare_number(op, bytes);
}

bool probe_condition(const probe_op *ops, uint32_t count, const wire_event *event)
{
    bool stack[PROBE_OPS_MOST];
    uint32_t n = 0;
    for (uint32_t i = 0; i < count && i < PROBE_OPS_MOST; i++) {
        const probe_op *op = &ops[i];
        if (op->kind == PROBE_OP_COMPARE) {
            stack[n++] = compare(op, event);
        } else if (op->kind == PROBE_OP_PAIR) {
            if (++i == count) break; /* it has no other side */
            stack[n++] = probe_compare_sides(op, &ops[i], event);
        } else if (op->kind == PROBE_OP_THREW) {
            stack[n++] = threw(event);
        } else if (op->kind == PROBE_OP_DECIDED) {
            stack[n++] = threw(event) && ((const uint8_t *)event)[op->slot];
        } else if (op->kind == PROBE_OP_NOT && n >= 1) {
            stack[n - 1] = !stack[n - 1];
        } else if (n >= 2) {
            n--;
            stack[n - 1] = op->kind == PROBE_OP_AND ? stack[n - 1] && stack[n] : stack[n - 1] || stack[n];
        }
    }
    return n ? stack[n - 1] : true;
}
