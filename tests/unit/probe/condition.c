/* Conditions over captured arguments: every element type against every literal, and how they combine. */
#include "probe/hot.h"
#include "wire/element.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* An event with three slots and room for blobs. */
typedef struct event {
    wire_event head;
    uint64_t slot[3];
    uint64_t blob[80];
} event;

#define SLOT(n)    ((uint16_t)(offsetof(event, slot) + 8u * (n)))
#define PRIMITIVE  ((uint8_t)WIRE_PRIMITIVE)
#define COMPARE(o) .kind = PROBE_OP_COMPARE, .compare = (o)

static probe_op with_int(uint8_t element, probe_compare op, int64_t i)
{
    return (probe_op){COMPARE((uint8_t)op), .literal = PROBE_INT, .element = element,
                      .slot = SLOT(0),      .how = PRIMITIVE,     .i = i};
}

static probe_op with_uint(uint8_t element, probe_compare op, uint64_t u)
{
    return (probe_op){COMPARE((uint8_t)op), .literal = PROBE_UINT, .element = element,
                      .slot = SLOT(0),      .how = PRIMITIVE,      .u = u};
}

static probe_op with_float(uint8_t element, probe_compare op, double f)
{
    return (probe_op){COMPARE((uint8_t)op), .literal = PROBE_FLOAT, .element = element,
                      .slot = SLOT(0),      .how = PRIMITIVE,       .f = f};
}

static bool holds(const event *v, probe_op op);
static void expect_order(const event *v, probe_op op, int order);

#define DECIMAL(negative, scale, high, low)                                 \
    (probe_decimal)                                                         \
    {                                                                       \
        (uint32_t)(negative) << 31 | (uint32_t)(scale) << 16, (high), (low) \
    }

/* Of an argument (a piece behind the slot), and of a member (in the slot, with its state behind it). */
static void expect_decimals(probe_decimal value, probe_decimal literal, int order)
{
    event v = {.slot = {offsetof(event, blob) | (uint64_t)(sizeof(wire_piece) + sizeof value) << 32}};
    const wire_piece piece = {.type = 8, .length = sizeof value, .copied = sizeof value};
    probe_op op = {.kind = PROBE_OP_COMPARE,
                   .literal = PROBE_DECIMAL,
                   .element = WIRE_E_VALUETYPE,
                   .slot = SLOT(0),
                   .how = WIRE_TYPED,
                   .decimal = &literal};
    memcpy(v.blob, &piece, sizeof piece);
    memcpy((uint8_t *)v.blob + sizeof piece, &value, sizeof value);
    expect_order(&v, op, order);
    op.how = WIRE_PRIMITIVE;
    op.path = 1;
    op.slot = offsetof(event, blob);
    memcpy(v.blob, &value, sizeof value);
    v.blob[2] = PROBE_PATH_VALUE;
    expect_order(&v, op, order);
    v.blob[2] = PROBE_PATH_NONE;
    op.compare = PROBE_NE;
    assert_true(holds(&v, op));
    op.compare = PROBE_EQ;
    assert_false(holds(&v, op));
}

/* Only where the call has ended so that there is something to compare. */
static void ends_hold_for_calls_that_have_them(void **state)
{
    (void)state;
    event v = {.slot = {5, 1}};
    probe_op result = with_int(WIRE_E_I4, PROBE_NE, 7),
             decided = {.kind = PROBE_OP_DECIDED, .slot = SLOT(1), .path = 1};
    const probe_op threw = {.kind = PROBE_OP_THREW};
    result.when = PROBE_RETURNED;
    static const struct {
        wire_event_kind kind;
        bool returned, threw;
    } cases[] = {{WIRE_EV_RETURN, true, false},
                 {WIRE_EV_THROW, false, true},
                 {WIRE_EV_MARK, false, true},
                 {WIRE_EV_TAIL, false, false}};
    for (size_t i = 0; i < RJ_COUNT(cases); i++) {
        v.head.kind = (uint8_t)cases[i].kind;
        assert_int_equal(holds(&v, result), cases[i].returned);
        assert_int_equal(holds(&v, threw), cases[i].threw);
        v.slot[1] = 1;
        assert_int_equal(holds(&v, decided), cases[i].threw);
        v.slot[1] = 0;
        assert_false(holds(&v, decided));
    }
}

static void live_values_are_compared(void **state)
{
    (void)state;
    static const uint16_t text[] = {'a', 'b'}, other[] = {'a', 'c'};
    struct {
        uint64_t type;
        uint32_t length;
        uint16_t chars[2];
    } string = {8, 2, {'a', 'b'}};
    const uint64_t reference = (uint64_t)&string, nothing = 0;
    const int32_t number = -5;
    probe_op op = {.kind = PROBE_OP_DECIDED, .element = WIRE_E_STRING, .literal = PROBE_TEXT, .text = text, .units = 2};
    const uint8_t *there = (const uint8_t *)&reference, *null = (const uint8_t *)&nothing;
    assert_true(probe_compare_live(&op, there));
    assert_false(probe_compare_live(&op, null));
    assert_false(probe_compare_live(&op, NULL));
    op.text = other;
    assert_false(probe_compare_live(&op, there));
    op.compare = PROBE_NE;
    assert_true(probe_compare_live(&op, there) && probe_compare_live(&op, null) && probe_compare_live(&op, NULL));
    op.literal = PROBE_NULL;
    assert_true(probe_compare_live(&op, there) && !probe_compare_live(&op, null) && !probe_compare_live(&op, NULL));
    op = (probe_op){.kind = PROBE_OP_DECIDED, .element = WIRE_E_I4, .literal = PROBE_INT, .compare = PROBE_LT, .i = -4};
    assert_true(probe_compare_live(&op, (const uint8_t *)&number));
    op.i = -5;
    assert_false(probe_compare_live(&op, (const uint8_t *)&number));
}

static void decimals_compare_as_numbers(void **state)
{
    (void)state;
    const probe_decimal most = DECIMAL(0, 0, UINT32_MAX, UINT64_MAX), least = DECIMAL(1, 0, UINT32_MAX, UINT64_MAX);
    expect_decimals(DECIMAL(0, 1, 0, 125), DECIMAL(0, 2, 0, 1250), 0);  /* 12.5, 12.50 */
    expect_decimals(DECIMAL(0, 2, 0, 1251), DECIMAL(0, 1, 0, 125), 1);  /* 12.51, 12.5 */
    expect_decimals(DECIMAL(1, 1, 0, 125), DECIMAL(0, 1, 0, 125), -1);  /* -12.5, 12.5 */
    expect_decimals(DECIMAL(1, 2, 0, 1251), DECIMAL(1, 1, 0, 125), -1); /* -12.51, -12.5 */
    expect_decimals(DECIMAL(1, 4, 0, 0), DECIMAL(0, 0, 0, 0), 0);       /* -0.0000, 0 */
    expect_decimals(DECIMAL(0, 28, 0, 1), DECIMAL(0, 0, 0, 0), 1);      /* 1e-28, 0 */
    expect_decimals(most, DECIMAL(0, 28, UINT32_MAX, UINT64_MAX), 1);   /* 7.9e28, 7.9 */
    expect_decimals(DECIMAL(0, 28, UINT32_MAX, UINT64_MAX), most, -1);
    expect_decimals(most, least, 1);
    expect_decimals(least, least, 0);
    expect_decimals(DECIMAL(0, 0, 1, 0), DECIMAL(0, 0, 0, UINT64_MAX), 1);                   /* 2^64, 2^64 - 1 */
    expect_decimals(DECIMAL(0, 28, 0x204FCE5E, 0x3E25026110000000), DECIMAL(0, 0, 0, 1), 0); /* 1 with 28 zeros */
}

static bool holds(const event *v, probe_op op)
{
    return probe_condition(&op, 1, &v->head);
}

/* The six operators at once: value -1, 0 or 1 beside the literal. */
static void expect_order(const event *v, probe_op op, int order)
{
    const bool want[] = {order == 0, order != 0, order<0, order <= 0, order> 0, order >= 0};
    for (unsigned c = PROBE_EQ; c <= PROBE_GE; c++) {
        op.compare = (uint8_t)c;
        assert_int_equal(holds(v, op), want[c]);
    }
}

/* Slots hold what the woven code stored, and junk above it: only the type's own bytes may count. */
static event slot_with(const void *value, size_t size)
{
    event v;
    memset(&v, 0xD7, sizeof v);
    memcpy(v.slot, value, size);
    return v;
}
#define SLOT_WITH(type, ...) slot_with(&(type){__VA_ARGS__}, sizeof(type))

static void signed_integers_compare_as_numbers(void **state)
{
    (void)state;
    const event values[] = {SLOT_WITH(int8_t, -100), SLOT_WITH(int16_t, -100), SLOT_WITH(int32_t, -100),
                            SLOT_WITH(int64_t, -100), SLOT_WITH(int64_t, -100)};
    const uint8_t elements[] = {WIRE_E_I1, WIRE_E_I2, WIRE_E_I4, WIRE_E_I8, WIRE_E_I};
    for (size_t i = 0; i < RJ_COUNT(values); i++) {
        expect_order(&values[i], with_int(elements[i], PROBE_EQ, -100), 0);
        expect_order(&values[i], with_int(elements[i], PROBE_EQ, -101), 1);
        expect_order(&values[i], with_int(elements[i], PROBE_EQ, -99), -1);
        expect_order(&values[i], with_int(elements[i], PROBE_EQ, INT64_MIN), 1);
        expect_order(&values[i], with_int(elements[i], PROBE_EQ, INT64_MAX), -1);
        expect_order(&values[i], with_uint(elements[i], PROBE_EQ, 0), -1); /* never taken for a large one */
        expect_order(&values[i], with_uint(elements[i], PROBE_EQ, UINT64_MAX), -1);
        expect_order(&values[i], with_float(elements[i], PROBE_EQ, -100.5), 1);
    }
}

static void unsigned_integers_compare_as_numbers(void **state)
{
    (void)state;
    const event values[] = {SLOT_WITH(uint8_t, 200),  SLOT_WITH(uint16_t, 200), SLOT_WITH(uint16_t, 200),
                            SLOT_WITH(uint32_t, 200), SLOT_WITH(uint64_t, 200), SLOT_WITH(uint64_t, 200)};
    const uint8_t elements[] = {WIRE_E_U1, WIRE_E_U2, WIRE_E_CHAR, WIRE_E_U4, WIRE_E_U8, WIRE_E_U};
    for (size_t i = 0; i < RJ_COUNT(values); i++) {
        expect_order(&values[i], with_int(elements[i], PROBE_EQ, 200), 0);
        expect_order(&values[i], with_int(elements[i], PROBE_EQ, -1), 1);
        expect_order(&values[i], with_uint(elements[i], PROBE_EQ, 201), -1);
        expect_order(&values[i], with_float(elements[i], PROBE_EQ, 199.5), 1);
    }
}

static void the_largest_numbers_do_not_overflow(void **state)
{
    (void)state;
    event largest = SLOT_WITH(uint64_t, UINT64_MAX), least = SLOT_WITH(int64_t, INT64_MIN);
    expect_order(&largest, with_int(WIRE_E_U8, PROBE_EQ, -1), 1);
    expect_order(&largest, with_uint(WIRE_E_U8, PROBE_EQ, UINT64_MAX), 0);
    expect_order(&largest, with_int(WIRE_E_U8, PROBE_EQ, INT64_MAX), 1);
    expect_order(&largest, with_int(WIRE_E_I8, PROBE_EQ, -1), 0); /* the same bits as a long */
    expect_order(&least, with_int(WIRE_E_I8, PROBE_EQ, INT64_MIN), 0);
    expect_order(&least, with_uint(WIRE_E_U8, PROBE_EQ, UINT64_C(1) << 63), 0);
    event u4 = SLOT_WITH(uint32_t, UINT32_MAX);
    expect_order(&u4, with_int(WIRE_E_U4, PROBE_EQ, UINT32_MAX), 0);
    expect_order(&u4, with_int(WIRE_E_I4, PROBE_EQ, -1), 0);
}

static void booleans_are_numbers(void **state)
{
    (void)state;
    event yes = SLOT_WITH(uint8_t, 1), no = SLOT_WITH(uint8_t, 0);
    expect_order(&yes, with_int(WIRE_E_BOOLEAN, PROBE_EQ, 1), 0);
    expect_order(&no, with_int(WIRE_E_BOOLEAN, PROBE_EQ, 1), -1);
}

static void floats_compare_as_doubles(void **state)
{
    (void)state;
    event single = SLOT_WITH(float, 1.5f), doubled = SLOT_WITH(double, -0.25), zero = SLOT_WITH(double, -0.0);
    expect_order(&single, with_float(WIRE_E_R4, PROBE_EQ, 1.5), 0);
    expect_order(&single, with_int(WIRE_E_R4, PROBE_EQ, 1), 1);
    expect_order(&single, with_uint(WIRE_E_R4, PROBE_EQ, 2), -1);
    expect_order(&doubled, with_float(WIRE_E_R8, PROBE_EQ, -0.25), 0);
    expect_order(&doubled, with_float(WIRE_E_R8, PROBE_EQ, -HUGE_VAL), 1);
    expect_order(&doubled, with_float(WIRE_E_R8, PROBE_EQ, HUGE_VAL), -1);
    expect_order(&zero, with_float(WIRE_E_R8, PROBE_EQ, 0.0), 0);
    event tenth = SLOT_WITH(float, 0.1f);
    expect_order(&tenth, with_float(WIRE_E_R4, PROBE_EQ, 0.1), 1); /* as in C#: the single is the greater one */
}

static void nan_is_unlike_everything(void **state)
{
    (void)state;
    event nan = SLOT_WITH(double, (double)NAN), one = SLOT_WITH(double, 1);
    for (unsigned c = PROBE_EQ; c <= PROBE_GE; c++) {
        assert_int_equal(holds(&nan, with_float(WIRE_E_R8, (probe_compare)c, 1)), c == PROBE_NE);
        assert_int_equal(holds(&nan, with_float(WIRE_E_R8, (probe_compare)c, (double)NAN)), c == PROBE_NE);
        assert_int_equal(holds(&one, with_float(WIRE_E_R8, (probe_compare)c, (double)NAN)), c == PROBE_NE);
    }
}

/* ---- two sides ---- */

/* A value and the one behind it, in slots 0 and 1, as two steps. */
typedef struct sides {
    event v;
    probe_op ops[2];
} sides;

static sides pair_of(uint8_t left, const void *a, uint8_t right, const void *b, probe_literal as)
{
    sides s = {.ops = {with_int(left, PROBE_EQ, 0), with_int(right, PROBE_EQ, 0)}};
    memset(&s.v, 0xD7, sizeof s.v);
    memcpy(&s.v.slot[0], a, wire_element_size(left));
    memcpy(&s.v.slot[1], b, wire_element_size(right));
    s.ops[0].kind = PROBE_OP_PAIR;
    s.ops[0].literal = (uint8_t)as;
    s.ops[1].kind = PROBE_OP_OTHER;
    s.ops[1].slot = SLOT(1);
    return s;
}
#define PAIR(left, a, right, b, as) pair_of((left), &(a), (right), &(b), (as))

static bool pair_holds(sides *s, unsigned compare)
{
    s->ops[0].compare = (uint8_t)compare;
    return probe_condition(s->ops, 2, &s->v.head);
}

static void expect_pair(sides s, int order)
{
    const bool want[] = {order == 0, order != 0, order<0, order <= 0, order> 0, order >= 0};
    for (unsigned c = PROBE_EQ; c <= PROBE_GE; c++)
        assert_int_equal(pair_holds(&s, c), want[c]);
}

static void two_numbers_compare_as_in_csharp(void **state)
{
    (void)state;
    const int32_t minus = -1, seven = 7;
    const uint32_t most = UINT32_MAX;
    const int64_t wide = (1LL << 53) + 1, least = INT64_MIN;
    const uint64_t top = UINT64_MAX;
    const uint8_t small = 7;
    const double even = 9007199254740992.0, nan = (double)NAN;
    const float single = 9007199254740992.0f, tenth = 0.1f;
    const double exact_tenth = 0.1;
    expect_pair(PAIR(WIRE_E_I4, minus, WIRE_E_U4, most, PROBE_AS_NUMBERS), -1); /* both are long then */
    expect_pair(PAIR(WIRE_E_I4, seven, WIRE_E_U1, small, PROBE_AS_NUMBERS), 0);
    expect_pair(PAIR(WIRE_E_I4, seven, WIRE_E_I8, least, PROBE_AS_NUMBERS), 1);
    expect_pair(PAIR(WIRE_E_U8, top, WIRE_E_U1, small, PROBE_AS_NUMBERS), 1);
    expect_pair(PAIR(WIRE_E_I8, wide, WIRE_E_R8, even, PROBE_AS_NUMBERS), 0); /* a double has no more digits */
    expect_pair(PAIR(WIRE_E_I8, wide, WIRE_E_R4, single, PROBE_AS_SINGLES), 0);
    expect_pair(PAIR(WIRE_E_R4, tenth, WIRE_E_R8, exact_tenth, PROBE_AS_NUMBERS), 1);
    sides s = PAIR(WIRE_E_R8, nan, WIRE_E_R8, nan, PROBE_AS_NUMBERS);
    for (unsigned c = PROBE_EQ; c <= PROBE_GE; c++)
        assert_int_equal(pair_holds(&s, c), c == PROBE_NE);
}

/* A decimal with a state behind it, and an integer. */
static void a_decimal_compares_with_integers(void **state)
{
    (void)state;
    const probe_decimal d = DECIMAL(1, 1, 0, 70), most = DECIMAL(0, 0, UINT32_MAX, UINT64_MAX);
    const int32_t minus_seven = -7, minus_eight = -8;
    const uint64_t top = UINT64_MAX;
    sides s = PAIR(WIRE_E_I4, minus_seven, WIRE_E_I4, minus_seven, PROBE_AS_DECIMALS);
    s.ops[0].element = WIRE_E_VALUETYPE;
    s.ops[0].path = 1;
    s.ops[0].slot = offsetof(event, blob);
    memcpy(s.v.blob, &d, sizeof d);
    s.v.blob[2] = PROBE_PATH_VALUE;
    expect_pair(s, 0);
    memcpy(&s.v.slot[1], &minus_eight, sizeof minus_eight);
    expect_pair(s, 1);
    memcpy(s.v.blob, &most, sizeof most);
    memcpy(&s.v.slot[1], &top, sizeof top);
    s.ops[1].element = WIRE_E_U8;
    expect_pair(s, 1);
    s.v.blob[2] = PROBE_PATH_NONE; /* null is not equal, and neither greater nor less */
    for (unsigned c = PROBE_EQ; c <= PROBE_GE; c++)
        assert_int_equal(pair_holds(&s, c), c == PROBE_NE);
    s.ops[1] = s.ops[0];
    s.ops[1].kind = PROBE_OP_OTHER;
    for (unsigned c = PROBE_EQ; c <= PROBE_GE; c++)
        assert_int_equal(pair_holds(&s, c), c == PROBE_EQ);
}

static void what_is_not_known_at_this_end_holds_for_nothing(void **state)
{
    (void)state;
    const int32_t seven = 7;
    sides s = PAIR(WIRE_E_I4, seven, WIRE_E_I4, seven, PROBE_AS_NUMBERS);
    s.ops[1].when = PROBE_RETURNED;
    s.v.head.kind = WIRE_EV_RETURN;
    expect_pair(s, 0);
    s.v.head.kind = WIRE_EV_THROW;
    for (unsigned c = PROBE_EQ; c <= PROBE_GE; c++)
        assert_false(pair_holds(&s, c));
    assert_true(probe_condition(s.ops, 1, &s.v.head)); /* one without its other side is no step */
}

/* Of each `length` characters, `copied` of them kept; NULL: null. */
static sides texts(const uint16_t *a, uint32_t a_length, const uint16_t *b, uint32_t b_length, uint32_t copied)
{
    const wire_piece pieces[] = {{8, 8, a_length, copied * 2}, {8, 16, b_length, copied * 2}};
    const uint16_t *const kept[] = {a, b};
    const probe_op op = {
        .kind = PROBE_OP_PAIR, .literal = PROBE_AS_TEXTS, .how = WIRE_OBJECT, .element = WIRE_E_STRING};
    sides s = {.ops = {op, op}};
    s.ops[1].kind = PROBE_OP_OTHER;
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *at = (uint8_t *)s.v.blob + (size_t)i * 320;
        s.ops[i].slot = SLOT(i);
        if (!kept[i]) continue;
        s.v.slot[i] = (uint64_t)(at - (uint8_t *)&s.v) | 320ull << 32;
        memcpy(at, &pieces[i], sizeof *pieces);
        memcpy(at + sizeof *pieces, kept[i], (size_t)copied * 2);
    }
    return s;
}

static void expect_texts(sides s, bool equal, bool doubt)
{
    const probe p = {.ops = s.ops, .op_count = 2};
    assert_int_equal(probe_texts_undecided(&p, &s.v.head), doubt);
    assert_int_equal(pair_holds(&s, PROBE_EQ), equal);
    assert_int_equal(pair_holds(&s, PROBE_NE), !equal);
}

static void two_texts_compare_as_far_as_they_were_kept(void **state)
{
    (void)state;
    static const uint16_t ada[] = {'A', 'd', 'a'}, ado[] = {'A', 'd', 'o'};
    expect_texts(texts(ada, 3, ada, 3, 3), true, false);
    expect_texts(texts(ada, 3, ado, 3, 3), false, false);
    expect_texts(texts(ada, 3, ada, 2, 2), false, false);
    expect_texts(texts(ada, 0, ado, 0, 0), true, false);
    expect_texts(texts(ada, 3, NULL, 0, 3), false, false);
    expect_texts(texts(NULL, 0, NULL, 0, 0), true, false);
    expect_texts(texts(ada, 300, ado, 300, 3), false, false);
    expect_texts(texts(ada, 300, ada, 300, 3), false, true);
    sides lost = texts(ada, 3, ada, 3, 3);
    lost.v.slot[1] &= UINT32_MAX; /* there was no room for it */
    expect_texts(lost, false, true);
}

/* ---- what lies behind a slot ---- */

static event with_blob(const void *bytes, uint32_t length, uint32_t copied)
{
    event v = {.head = {0}};
    wire_piece p = {.type = 0x1000, .address = 0x2000, .length = length, .copied = copied};
    v.slot[0] = (uint64_t)(sizeof p + copied) << 32 | offsetof(event, blob);
    memcpy(v.blob, &p, sizeof p);
    memcpy((uint8_t *)v.blob + sizeof p, bytes, copied);
    return v;
}

static probe_op with_text(probe_compare op, const uint16_t *text, uint16_t units)
{
    return (probe_op){COMPARE((uint8_t)op), .literal = PROBE_TEXT, .element = WIRE_E_STRING,
                      .slot = SLOT(0),      .units = units,        .how = WIRE_OBJECT,
                      .text = text};
}

static void strings_compare_by_their_characters(void **state)
{
    (void)state;
    static const uint16_t abc[] = u"abc", abd[] = u"abd";
    event v = with_blob(abc, 3, 6);
    assert_true(holds(&v, with_text(PROBE_EQ, abc, 3)));
    assert_false(holds(&v, with_text(PROBE_NE, abc, 3)));
    assert_false(holds(&v, with_text(PROBE_EQ, abd, 3)));
    assert_true(holds(&v, with_text(PROBE_NE, abd, 3)));
    assert_false(holds(&v, with_text(PROBE_EQ, abc, 2))); /* no prefixes */
    event empty = with_blob(abc, 0, 0), null = {.head = {0}};
    assert_true(holds(&empty, with_text(PROBE_EQ, abc, 0)));
    assert_false(holds(&null, with_text(PROBE_EQ, abc, 0)));
    assert_true(holds(&null, with_text(PROBE_NE, abc, 0)));
}

static void a_string_longer_than_what_was_kept_is_unlike_its_beginning(void **state)
{
    (void)state;
    uint16_t text[256];
    for (size_t i = 0; i < RJ_COUNT(text); i++)
        text[i] = 'x';
    event v = with_blob(text, 300, 512);
    assert_false(holds(&v, with_text(PROBE_EQ, text, 256)));
    event exact = with_blob(text, 256, 512);
    assert_true(holds(&exact, with_text(PROBE_EQ, text, 256)));
}

static void null_is_told_from_objects(void **state)
{
    (void)state;
    event object = with_blob("12345678", 8, 8), null = {.head = {0}};
    probe_op op = {COMPARE(PROBE_EQ), .literal = PROBE_NULL, .element = WIRE_E_OBJECT, .slot = SLOT(0),
                   .how = WIRE_OBJECT};
    assert_true(holds(&null, op));
    assert_false(holds(&object, op));
    op.compare = PROBE_NE;
    assert_false(holds(&null, op));
    assert_true(holds(&object, op));
    for (unsigned c = PROBE_LT; c <= PROBE_GE; c++) {
        op.compare = (uint8_t)c;
        assert_false(holds(&null, op));
        assert_false(holds(&object, op));
    }
}

/* A string that found no room in the event is there all the same: it is not null. */
static void a_value_that_was_cut_away_is_not_null(void **state)
{
    (void)state;
    event v = {.head = {0}};
    v.slot[0] = offsetof(event, blob); /* a place, and no bytes */
    memset(v.blob, 0xFF, sizeof v.blob);
    probe_op op = {COMPARE(PROBE_EQ), .literal = PROBE_NULL, .element = WIRE_E_STRING, .slot = SLOT(0),
                   .how = WIRE_OBJECT};
    assert_false(holds(&v, op));
    op.compare = PROBE_NE;
    assert_true(holds(&v, op));
    static const uint16_t abc[] = u"abc";
    assert_false(holds(&v, with_text(PROBE_EQ, abc, 3)));
}

static void typed_values_are_read_from_their_bytes(void **state)
{
    (void)state;
    event v = with_blob(&(int32_t){-7}, 8, 4);
    probe_op op = with_int(WIRE_E_I4, PROBE_EQ, -7);
    op.how = WIRE_TYPED;
    expect_order(&v, op, 0);
    op.i = -8;
    expect_order(&v, op, 1);
    event null = {.head = {0}};
    for (unsigned c = PROBE_EQ; c <= PROBE_GE; c++) {
        op.compare = (uint8_t)c;
        assert_int_equal(holds(&null, op), c == PROBE_NE); /* a ref to nothing has no value */
    }
}

static void enums_compare_by_their_underlying_type(void **state)
{
    (void)state;
    event v = with_blob(&(uint8_t){200}, 8, 1); /* of an enum over byte, behind a typed reference */
    probe_op op = with_int(WIRE_E_U1, PROBE_EQ, 200);
    op.how = WIRE_TYPED;
    expect_order(&v, op, 0);
}

/* ---- combinations ---- */

static probe_op combine(probe_op_kind kind)
{
    return (probe_op){.kind = (uint8_t)kind};
}

static probe_op slot_is_one(unsigned n)
{
    probe_op op = with_int(WIRE_E_I4, PROBE_EQ, 1);
    op.slot = SLOT(n);
    return op;
}

static void and_or_and_not_combine(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 8; bits++) {
        bool a = bits & 1, b = (bits & 2) != 0, c = (bits & 4) != 0;
        event v = {.slot = {a, b, c}};
        const probe_op and_or[] = {slot_is_one(0), slot_is_one(1), combine(PROBE_OP_AND), slot_is_one(2),
                                   combine(PROBE_OP_OR)};
        assert_int_equal(probe_condition(and_or, RJ_COUNT(and_or), &v.head), (a && b) || c);
        const probe_op or_and[] = {slot_is_one(0), slot_is_one(1),        combine(PROBE_OP_OR),
                                   slot_is_one(2), combine(PROBE_OP_NOT), combine(PROBE_OP_AND)};
        assert_int_equal(probe_condition(or_and, RJ_COUNT(or_and), &v.head), (a || b) && !c);
        const probe_op not_and[] = {slot_is_one(0), slot_is_one(1), combine(PROBE_OP_AND), combine(PROBE_OP_NOT)};
        assert_int_equal(probe_condition(not_and, RJ_COUNT(not_and), &v.head), !(a && b));
    }
}

static void no_condition_always_holds(void **state)
{
    (void)state;
    event v = {.head = {0}};
    assert_true(probe_condition(NULL, 0, &v.head));
}

static void steps_beyond_the_limit_are_not_taken(void **state)
{
    (void)state;
    event v = {.slot = {1}};
    probe_op ops[PROBE_OPS_MOST + 1];
    for (size_t i = 0; i < RJ_COUNT(ops); i++)
        ops[i] = slot_is_one(0);
    ops[PROBE_OPS_MOST] = combine(PROBE_OP_NOT);
    assert_true(probe_condition(ops, RJ_COUNT(ops), &v.head));
    const probe_op lone[] = {combine(PROBE_OP_AND), combine(PROBE_OP_NOT), slot_is_one(0), combine(PROBE_OP_OR)};
    assert_true(probe_condition(lone, RJ_COUNT(lone), &v.head)); /* operators without operands do nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_compare_as_numbers),
        cmocka_unit_test(ends_hold_for_calls_that_have_them),
        cmocka_unit_test(live_values_are_compared),
        cmocka_unit_test(signed_integers_compare_as_numbers),
        cmocka_unit_test(unsigned_integers_compare_as_numbers),
        cmocka_unit_test(the_largest_numbers_do_not_overflow),
        cmocka_unit_test(booleans_are_numbers),
        cmocka_unit_test(floats_compare_as_doubles),
        cmocka_unit_test(nan_is_unlike_everything),
        cmocka_unit_test(strings_compare_by_their_characters),
        cmocka_unit_test(a_string_longer_than_what_was_kept_is_unlike_its_beginning),
        cmocka_unit_test(null_is_told_from_objects),
        cmocka_unit_test(a_value_that_was_cut_away_is_not_null),
        cmocka_unit_test(typed_values_are_read_from_their_bytes),
        cmocka_unit_test(enums_compare_by_their_underlying_type),
        cmocka_unit_test(two_numbers_compare_as_in_csharp),
        cmocka_unit_test(a_decimal_compares_with_integers),
        cmocka_unit_test(what_is_not_known_at_this_end_holds_for_nothing),
        cmocka_unit_test(two_texts_compare_as_far_as_they_were_kept),
        cmocka_unit_test(and_or_and_not_combine),
        cmocka_unit_test(no_condition_always_holds),
        cmocka_unit_test(steps_beyond_the_limit_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
