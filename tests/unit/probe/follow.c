/* Members in conditions: over a heap made by hand, with an agent that answers, one that does not, and none. */
#include "managed.h"
#include "probe/hot.h"
#include "wire/element.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROOT = sizeof(wire_event), VALUE = ROOT + 8, STATE = VALUE + 8, SIZE = STATE + 8 };

typedef struct fixture {
    probe_sink sink;
    probe probe;
    probe_step steps[3];
    probe_path path;
    probe_op op;
    pthread_t agent;
    _Atomic unsigned answers;
    uint64_t order, customer; /* types: an order has an int at 8 and a customer at 16, which has a name at 8 */
} fixture;

/* ---- the agent's side ---- */

static void answer(void *owner, const probe_step *s, uint64_t type, uint32_t *offset, uint32_t *other)
{
    fixture *f = owner;
    f->answers++;
    *other = s->other;
    if (type == (s->module ? f->customer : f->order)) *offset = s->field;
}

static void *agent(void *owner)
{
    while (probe_asks_wait())
        probe_asks_answer(answer, owner);
    return NULL;
}

static void begin_agent(fixture *f)
{
    probe_asks_open(true);
    assert_int_equal(pthread_create(&f->agent, NULL, agent, f), 0);
}

static void end_agent(fixture *f)
{
    probe_asks_open(false);
    pthread_join(f->agent, NULL);
}

/* ---- a probe with one path ---- */

static int start(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    err_t e = {0};
    *state = f;
    if (!f || (!probe_pool && !probe_start(&e)) || !probe_sink_open(&f->sink, 8, false, &e)) return -1;
    probe_self()->top = NULL;
    f->order = managed_type(MANAGED_CLASS, 16, &(managed_refs){16, 8}, 1);
    f->customer = managed_type(MANAGED_CLASS, 8, &(managed_refs){8, 8}, 1);
    f->op = (probe_op){.kind = PROBE_OP_COMPARE,
                       .compare = PROBE_GT,
                       .literal = PROBE_INT,
                       .element = WIRE_E_I4,
                       .slot = VALUE,
                       .how = WIRE_PRIMITIVE,
                       .path = 1,
                       .i = 10};
    f->path = (probe_path){.from = ROOT, .to = VALUE, .element = WIRE_E_I4, .bare = 1, .count = 1, .steps = f->steps};
    f->steps[0] = (probe_step){.kind = PROBE_STEP_FIELD, .size = 4, .field = 8};
    f->probe = (probe){.verb = WIRE_WATCH,
                       .id = 1,
                       .sink = &f->sink,
                       .event_size = SIZE,
                       .ops = &f->op,
                       .op_count = 1,
                       .paths = &f->path,
                       .path_count = 1,
                       .doubtful = 1};
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    assert_true(probe_sink_detach(&f->sink));
    probe_sink_close(&f->sink);
    free(f);
    return managed_end(state);
}

static uint8_t *order(fixture *f, int32_t number, const uint8_t *customer)
{
    uint8_t *fields, *made = managed_new(f->order, 16, &fields);
    memcpy(fields, &number, 4);
    if (customer) managed_set(fields, 8, customer);
    return made;
}

static uint8_t *customer(fixture *f, const char *name)
{
    uint8_t *fields, *made = managed_new(f->customer, 8, &fields);
    if (name) managed_set(fields, 0, managed_new_string(name));
    return made;
}

/* Does the condition hold for a call with this object? */
static bool holds(fixture *f, uint8_t *object)
{
    wire_event *tok = (wire_event *)probe_enter(&f->probe);
    assert_non_null(tok);
    probe_object(tok, ROOT, object);
    if (!probe_ready(tok)) {
        assert_null(probe_self()->top);
        return false;
    }
    probe_leave(tok);
    return true;
}

static wire_slot *slot(fixture *f)
{
    return &f->sink.slot[probe_self()->index];
}

/* ---- the tests ---- */

static void the_agent_is_asked_once_for_each_type(void **state)
{
    fixture *f = *state;
    begin_agent(f);
    for (int32_t i = 5; i < 15; i++)
        assert_int_equal(holds(f, order(f, i, NULL)), i > 10);
    assert_int_equal(f->answers, 1);
    assert_int_equal(slot(f)->entered, 4);
    assert_int_equal(slot(f)->left, 4);
    assert_int_equal(slot(f)->dropped, 0);
    end_agent(f);
}

/* Of an order and nothing derived from it; of more types than there are places for nobody knows. */
static void a_type_is_told_from_its_own_kind(void **state)
{
    fixture *f = *state;
    probe_known table[PROBE_EXACT_MOST] = {0};
    f->steps[0] = (probe_step){.kind = PROBE_STEP_EXACT, .size = 1, .field = 1, .exact = table};
    f->path.element = WIRE_E_BOOLEAN;
    f->op.element = WIRE_E_BOOLEAN;
    f->op.compare = PROBE_EQ;
    f->op.i = 1;
    begin_agent(f);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(holds(f, order(f, 5, NULL)));
        assert_false(holds(f, customer(f, "Ada")));
    }
    assert_int_equal(f->answers, 2);
    assert_int_equal(slot(f)->dropped, 0);
    for (uint64_t i = 0; i < PROBE_EXACT_MOST; i++)
        probe_step_learn(&f->steps[0], 0x1000 + i * 64, 0, 0);
    uint64_t other = managed_type(MANAGED_CLASS, 8, NULL, 0);
    uint8_t *fields;
    assert_false(holds(f, managed_new(other, 8, &fields)));
    assert_int_equal(f->answers, 2); /* it was not asked for, as it could not be kept */
    assert_int_equal(slot(f)->dropped, 1);
    assert_true(holds(f, order(f, 5, NULL)));
    end_agent(f);
}

static void a_member_of_null_is_null(void **state)
{
    fixture *f = *state;
    begin_agent(f);
    assert_false(holds(f, NULL));
    f->op.compare = PROBE_LE;
    assert_false(holds(f, NULL));
    f->op.compare = PROBE_NE;
    assert_true(holds(f, NULL));
    assert_int_equal(slot(f)->dropped, 0);
    end_agent(f);
}

static void a_text_is_found_behind_two_fields(void **state)
{
    fixture *f = *state;
    static const uint16_t ada[] = {'A', 'd', 'a'};
    begin_agent(f);
    f->steps[0].field = 16;
    f->steps[1] = (probe_step){.kind = PROBE_STEP_FIELD, .size = 8, .field = 8, .module = 1};
    f->path.count = 2;
    f->path.element = WIRE_E_STRING;
    f->op = (probe_op){.kind = PROBE_OP_COMPARE,
                       .compare = PROBE_EQ,
                       .literal = PROBE_TEXT,
                       .units = 3,
                       .text = ada,
                       .element = WIRE_E_STRING,
                       .slot = VALUE,
                       .how = WIRE_OBJECT,
                       .path = 1};
    assert_true(holds(f, order(f, 1, customer(f, "Ada"))));
    assert_false(holds(f, order(f, 1, customer(f, "Bob"))));
    assert_false(holds(f, order(f, 1, customer(f, NULL))));
    assert_false(holds(f, order(f, 1, NULL)));
    f->steps[2] = (probe_step){.kind = PROBE_STEP_LENGTH, .size = 4};
    f->path.count = 3;
    f->path.element = WIRE_E_I4;
    f->op = (probe_op){.kind = PROBE_OP_COMPARE,
                       .compare = PROBE_GT,
                       .literal = PROBE_INT,
                       .element = WIRE_E_I4,
                       .slot = VALUE,
                       .how = WIRE_PRIMITIVE,
                       .path = 1,
                       .i = 3};
    assert_true(holds(f, order(f, 1, customer(f, "Grace"))));
    assert_false(holds(f, order(f, 1, customer(f, "Ada"))));
    assert_int_equal(slot(f)->dropped, 0);
    end_agent(f);
}

/* A struct at 8 in an order, with a bool and an int: what it holds is there where the bool is. */
static void a_field_of_a_struct_lies_within_the_object(void **state)
{
    fixture *f = *state;
    uint8_t *fields, *object = managed_new(f->order, 16, &fields);
    fields[4] = 20;
    f->steps[1] = (probe_step){.kind = PROBE_STEP_INNER, .size = 4};
    f->path.count = 2;
    probe_step_learn(&f->steps[1], f->order, 4 + 1, 0);
    begin_agent(f);
    assert_true(holds(f, object));
    assert_false(holds(f, NULL));
    fields[4] = 10;
    assert_false(holds(f, object));
    f->steps[1] = (probe_step){.kind = PROBE_STEP_INNER, .size = 4};
    probe_step_learn(&f->steps[1], f->order, 4 + 1, 0 + 1);
    fields[4] = 20;
    assert_false(holds(f, object));
    f->op.literal = PROBE_NULL;
    f->op.compare = PROBE_EQ;
    assert_true(holds(f, object));
    fields[0] = 1;
    assert_false(holds(f, object));
    f->op.compare = PROBE_NE;
    assert_true(holds(f, object));
    f->op.literal = PROBE_INT;
    f->op.compare = PROBE_GT;
    assert_true(holds(f, object));
    assert_int_equal(slot(f)->dropped, 0);
    f->steps[1] = (probe_step){.kind = PROBE_STEP_INNER, .size = 4, .module = 1}; /* it has no such field */
    assert_false(holds(f, object));
    assert_int_equal(slot(f)->dropped, 1);
    end_agent(f);
}

/* Does the condition hold for a call with this struct? */
static bool holds_for(fixture *f, void *value, uint64_t type)
{
    wire_event *tok = (wire_event *)probe_enter(&f->probe);
    assert_non_null(tok);
    probe_typed(tok, ROOT, (probe_typedref){value, type});
    if (!probe_ready(tok)) return false;
    probe_leave(tok);
    return true;
}

/* On the stack of the call, as arguments are, and in the heap, where a reference may be past the end of all. */
static void a_struct_is_read_where_it_lies(void **state)
{
    fixture *f = *state;
    static const uint16_t ada[] = {'A', 'd', 'a'};
    const uint64_t type = managed_type(MANAGED_STRUCT, 16, &(managed_refs){8, 8}, 1);
    uint8_t *fields;
    managed_new(type, 16, &fields);
    struct {
        const uint8_t *name;
        int32_t number;
    } here = {managed_new_string("Ada"), 20};
    f->steps[0] = (probe_step){.kind = PROBE_STEP_VALUE, .size = 4};
    probe_step_learn(&f->steps[0], type, 8 + 1, 0);
    memcpy(fields + 8, &(int32_t){20}, 4);
    assert_true(holds_for(f, &here, type));
    assert_true(holds_for(f, fields, type));
    here.number = fields[8] = 5;
    assert_false(holds_for(f, &here, type));
    assert_false(holds_for(f, fields, type));
    assert_int_equal(slot(f)->dropped, 0);
    assert_false(holds_for(f, (void *)1, type)); /* of no struct at all */
    assert_int_equal(slot(f)->dropped, 1);
    f->steps[0] = (probe_step){.kind = PROBE_STEP_VALUE, .size = 8};
    probe_step_learn(&f->steps[0], type, 0 + 1, 0);
    f->path.element = WIRE_E_STRING;
    f->op = (probe_op){.kind = PROBE_OP_COMPARE,
                       .literal = PROBE_TEXT,
                       .units = 3,
                       .text = ada,
                       .element = WIRE_E_STRING,
                       .slot = VALUE,
                       .how = WIRE_OBJECT,
                       .path = 1};
    assert_true(holds_for(f, &here, type));
    managed_set(fields, 0, here.name);
    assert_true(holds_for(f, fields, type));
    memcpy(fields, &(uint64_t){0x1230}, 8); /* no object */
    assert_false(holds_for(f, fields, type));
    assert_int_equal(slot(f)->dropped, 2);
}

/* A dictionary with its entries at 8 and how many are in use at 16; entries: a hash, the next one, the key, the value.
 */
static uint8_t *dictionary(uint8_t *entries, uint32_t used)
{
    uint8_t *fields, *made = managed_new(managed_type(MANAGED_CLASS, 16, &(managed_refs){8, 8}, 1), 16, &fields);
    if (entries) managed_set(fields, 0, entries);
    memcpy(fields + 8, &used, 4);
    return made;
}

static uint64_t type_at(const uint8_t *object)
{
    uint64_t type;
    memcpy(&type, object, sizeof type);
    return type;
}

/* What is looked for lies at the end of the path. */
static void look_for(fixture *f, const uint8_t *map, uint64_t array, probe_step key, uint32_t key_at, uint32_t value_at)
{
    f->steps[0] = (probe_step){.kind = PROBE_STEP_ENTRIES, .size = 8};
    f->steps[1] = key;
    f->steps[1].kind = PROBE_STEP_LOOKUP;
    f->steps[1].size = 4;
    f->path.count = 2;
    probe_step_learn(&f->steps[0], type_at(map), 8, 16);
    probe_step_learn(&f->steps[1], array, value_at + 1, key_at | 4u << 16);
}

static void a_number_is_looked_for_among_the_entries_in_use(void **state)
{
    fixture *f = *state;
    const int32_t entries[][4] = {{0, -1, 7, 20}, {0, -2, 8, 20}, {0, 0, 9, 5}, {0, 0, 0, 20}};
    const uint64_t type = managed_array(16, false);
    uint8_t *data, *map = dictionary(managed_new_array(type, 4, 16, &data), 3);
    memcpy(data, entries, sizeof entries);
    static const struct {
        uint64_t key;
        bool greater, other; /* than 10; another number than 20 */
    } cases[] = {{7, true, false}, {8, false, true}, {9, false, true}, {0, false, true}, {1, false, true}};
    for (size_t i = 0; i < RJ_COUNT(cases); i++) {
        look_for(f, map, type, (probe_step){.key_element = WIRE_E_I4, .key_bits = cases[i].key}, 8, 12);
        assert_int_equal(holds(f, map), cases[i].greater);
        f->op.compare = PROBE_NE;
        f->op.i = 20;
        assert_int_equal(holds(f, map), cases[i].other);
        f->op.compare = PROBE_GT;
        f->op.i = 10;
    }
    uint8_t *none = dictionary(NULL, 0); /* the first entry makes the array */
    look_for(f, none, type, (probe_step){.key_element = WIRE_E_I4, .key_bits = 7}, 8, 12);
    assert_false(holds(f, none));
    assert_int_equal(slot(f)->dropped, 0);
    /* Entries of a type that nobody has asked about. */
    look_for(f, map, 0x1000, (probe_step){.key_element = WIRE_E_I4, .key_bits = 7}, 8, 12);
    assert_false(holds(f, map));
    assert_int_equal(slot(f)->dropped, 1);
}

static void a_text_is_looked_for_by_its_characters(void **state)
{
    fixture *f = *state;
    static const uint16_t ada[] = {'A', 'd', 'a'}, ad[] = {'A', 'd'};
    const uint64_t type = managed_array_of_structs(24, 8, &(managed_item){1, 16}, 1);
    uint8_t *data, *map = dictionary(managed_new_array(type, 3, 24, &data), 3);
    static const char *const keys[] = {"Bob", "ada", "Ada"};
    for (uint32_t i = 0; i < 3; i++) {
        managed_set(data, 24 * i + 8, managed_new_string(keys[i]));
        memcpy(data + (size_t)24 * i + 16, &(int32_t){i == 2 ? 20 : 5}, 4);
    }
    look_for(f, map, type, (probe_step){.key_element = WIRE_E_STRING, .key_text = ada, .key_units = 3}, 8, 16);
    assert_true(holds(f, map));
    look_for(f, map, type, (probe_step){.key_element = WIRE_E_STRING, .key_text = ad, .key_units = 2}, 8, 16);
    assert_false(holds(f, map));
    memset(data + 24 * 2 + 8, 0, 8); /* removed just now */
    look_for(f, map, type, (probe_step){.key_element = WIRE_E_STRING, .key_text = ada, .key_units = 3}, 8, 16);
    assert_false(holds(f, map));
    assert_int_equal(slot(f)->dropped, 0);
}

/* What is found within the bound counts; what is not found may lie behind it. */
static void a_large_dictionary_is_not_gone_through_to_its_end(void **state)
{
    fixture *f = *state;
    const uint32_t count = PROBE_LOOKUPS_MOST + 1;
    const uint64_t type = managed_array(16, false);
    uint8_t *data, *map = dictionary(managed_new_array(type, count, 16, &data), count);
    for (uint32_t i = 0; i < count; i++)
        memcpy(data + (size_t)16 * i, (int32_t[]){0, -1, (int32_t)i, 20}, 16);
    look_for(f, map, type, (probe_step){.key_element = WIRE_E_I4, .key_bits = PROBE_LOOKUPS_MOST - 1}, 8, 12);
    assert_true(holds(f, map));
    assert_int_equal(slot(f)->dropped, 0);
    look_for(f, map, type, (probe_step){.key_element = WIRE_E_I4, .key_bits = PROBE_LOOKUPS_MOST}, 8, 12);
    assert_false(holds(f, map));
    assert_int_equal(slot(f)->dropped, 1);
}

static void elements_are_looked_at_within_bounds(void **state)
{
    fixture *f = *state;
    uint8_t *data, *array = managed_new_array(managed_array(4, false), 3, 4, &data);
    memcpy(data, (int32_t[]){1, 20, 3}, 12);
    f->steps[0] = (probe_step){.kind = PROBE_STEP_ELEMENT, .size = 4, .index = 1};
    assert_true(holds(f, array));
    f->steps[0].index = 2;
    assert_false(holds(f, array));
    f->steps[0].index = 3; /* behind the end: as null */
    assert_false(holds(f, array));
    f->op.compare = PROBE_NE;
    assert_true(holds(f, array));
    assert_int_equal(slot(f)->dropped, 0);
    f->steps[0].size = 8; /* no such array */
    assert_false(holds(f, array));
    assert_int_equal(slot(f)->dropped, 1);
}

/* Code may call an object what it is not: nothing is read from it. */
static void an_object_of_another_type_is_not_looked_into(void **state)
{
    fixture *f = *state;
    begin_agent(f);
    assert_false(holds(f, customer(f, "Ada")));
    assert_false(holds(f, customer(f, "Ada")));
    assert_int_equal(f->answers, 1);
    assert_int_equal(slot(f)->dropped, 2);
    assert_int_equal(slot(f)->entered, 0);
    end_agent(f);
}

static void without_an_answer_the_call_is_counted_as_dropped(void **state)
{
    fixture *f = *state;
    assert_false(holds(f, order(f, 20, NULL))); /* no agent at all */
    probe_asks_open(true);
    assert_false(holds(f, order(f, 20, NULL))); /* one that is busy: the wait is bounded */
    assert_int_equal(slot(f)->dropped, 2);
    assert_int_equal(slot(f)->entered, 0);
    probe_asks_answer(answer, f); /* nobody waits any more */
    assert_int_equal(f->answers, 0);
    probe_asks_open(false);
}

static void more_types_than_are_remembered_are_counted(void **state)
{
    fixture *f = *state;
    begin_agent(f);
    for (unsigned i = 0; i < PROBE_KNOWN_MOST; i++)
        probe_step_learn(&f->steps[0], 8u * (i + 1), 8, 0);
    assert_false(holds(f, order(f, 20, NULL)));
    assert_int_equal(slot(f)->dropped, 1);
    end_agent(f);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_agent_is_asked_once_for_each_type),
        T(a_type_is_told_from_its_own_kind),
        T(a_member_of_null_is_null),
        T(a_text_is_found_behind_two_fields),
        T(a_field_of_a_struct_lies_within_the_object),
        T(a_struct_is_read_where_it_lies),
        T(a_number_is_looked_for_among_the_entries_in_use),
        T(a_text_is_looked_for_by_its_characters),
        T(a_large_dictionary_is_not_gone_through_to_its_end),
        T(elements_are_looked_at_within_bounds),
        T(an_object_of_another_type_is_not_looked_into),
        T(without_an_answer_the_call_is_counted_as_dropped),
        T(more_types_than_are_remembered_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
