/* Conditions: two values of a call beside one another, which C# allows to be compared (query/pair.c). */
#include "probe/number-priv.h"
#include "probe/probe-priv.h"

/* The bytes of one side; false: there is no value, as what it is a member of is null. */
static bool side_of(const probe_op *op, const wire_event *event, uint8_t bytes[sizeof(probe_decimal)])
{
    const uint8_t *value = (const uint8_t *)event + op->slot;
    if (op->how != WIRE_PRIMITIVE) {
        const wire_piece *p = probe_piece_at(event, op->slot);
        if (!p || !p->copied) return false;
        memcpy(bytes, p + 1, RJ_MIN(p->copied, (uint32_t)sizeof(probe_decimal)));
        return true;
    }
    const uint16_t room = op->path ? probe_path_room(op->element) : 8;
    if (op->path && value[room] != PROBE_PATH_VALUE) return false;
    memcpy(bytes, value, room);
    return true;
}

static probe_decimal decimal_of(const probe_op *op, const uint8_t bytes[sizeof(probe_decimal)])
{
    probe_decimal d;
    if (op->element == WIRE_E_VALUETYPE) {
        memcpy(&d, bytes, sizeof d);
        return d;
    }
    const number n = load(op->element, bytes);
    const bool below = n.kind == SIGNED && n.i < 0;
    return (probe_decimal){.flags = (uint32_t)below << 31,
                           .low = below              ? 0 - (uint64_t)n.i
                                  : n.kind == SIGNED ? (uint64_t)n.i
                                                     : n.u};
}

static float as_single(number n)
{
    return n.kind == FLOATING ? (float)n.f : n.kind == SIGNED ? (float)n.i : (float)n.u;
}

static int order_sides(const probe_op *op, const uint8_t *left, const probe_op *other, const uint8_t *right)
{
    if (op->literal == PROBE_AS_DECIMALS) {
        const probe_decimal a = decimal_of(op, left), b = decimal_of(other, right);
        return probe_order_decimals(&a, &b);
    }
    const number a = load(op->element, left), b = load(other->element, right);
    if (op->literal != PROBE_AS_SINGLES) return order(a, b);
    return order(of_float((double)as_single(a)), of_float((double)as_single(b)));
}

typedef enum alike { ALIKE, UNLIKE, UNKNOWN } alike;

/* By what was kept of both, which may be less than there is. */
static alike texts_alike(const probe_op *op, const probe_op *other, const wire_event *event)
{
    const wire_piece *a = probe_piece_at(event, op->slot), *b = probe_piece_at(event, other->slot);
    if (!a || !b) return a == b ? ALIKE : UNLIKE;
    if (a->length == UINT32_MAX || b->length == UINT32_MAX) return UNKNOWN;
    if (a->length != b->length) return UNLIKE;
    const uint32_t chars = RJ_MIN(a->copied, b->copied) / 2;
    if (memcmp(a + 1, b + 1, (size_t)RJ_MIN(chars, a->length) * 2) != 0) return UNLIKE;
    return chars < a->length ? UNKNOWN : ALIKE;
}

/* Is it known at this end of the call? */
static bool is_there(const probe_op *op, const wire_event *event)
{
    return op->when != PROBE_RETURNED || event->kind == WIRE_EV_RETURN;
}

bool probe_compare_sides(const probe_op *op, const probe_op *other, const wire_event *event)
{
    if (!is_there(op, event) || !is_there(other, event)) return false;
    if (op->literal == PROBE_AS_TEXTS) return (texts_alike(op, other, event) == ALIKE) == (op->compare == PROBE_EQ);
    uint8_t left[sizeof(probe_decimal)] = {0}, right[sizeof(probe_decimal)] = {0};
    const bool is_left = side_of(op, event, left), is_right = side_of(other, event, right);
    if (!is_left || !is_right)
        return (is_left == is_right) == (op->compare == PROBE_EQ) &&
               (op->compare == PROBE_EQ || op->compare == PROBE_NE);
    return holds(op->compare, order_sides(op, left, other, right));
}

bool probe_texts_undecided(const probe *p, const wire_event *tok)
{
    for (unsigned i = 0; i + 1 < p->op_count; i++) {
        const probe_op *op = &p->ops[i];
        if (op->kind == PROBE_OP_PAIR && op->literal == PROBE_AS_TEXTS && is_there(op, tok) && is_there(op + 1, tok) &&
            texts_alike(op, op + 1, tok) == UNKNOWN)
            return true;
    }
    return false;
}
