/*
 * From the bytes that a probe copies to text and JSON: one event after another through a fake agent, with the types it
 * describes as the real one does.
 */
#include "../client/fake.h"
#include "out/out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    E_BOOL = 2,
    E_CHAR = 3,
    E_I4 = 8,
    E_U4 = 9,
    E_I8 = 10,
    E_U8 = 11,
    E_R4 = 12,
    E_R8 = 13,
    E_STRING = 14,
    E_PTR = 15,
    E_VALUE = 17,
    E_CLASS = 18,
    E_I2 = 6,
    E_I = 24
};
enum {
    T_INT = 0x1000,
    T_STRING = 0x1010,
    T_ITEM = 0x1020,
    T_ITEMS = 0x1030,
    T_LIST = 0x1040,
    T_COLOUR = 0x1050,
    T_FLAGS = 0x1060,
    T_DECIMAL = 0x1070,
    T_DATE = 0x1080,
    T_OFFSET = 0x1090,
    T_SPAN_TIME = 0x10A0,
    T_GUID = 0x10B0,
    T_NULLABLE = 0x10C0,
    T_TUPLE = 0x10D0,
    T_CHARS = 0x10E0,
    T_CHAR = 0x10F0,
    T_TASK = 0x1100,
    T_EXCEPTION = 0x1110,
    T_POINT = 0x1120,
    T_MEMORY = 0x1130,
    T_INTS = 0x1140,
    T_SPAN_INT = 0x1150,
    T_LOOP = 0x1160,
    T_DICT = 0x1170
};
enum { SLOT = sizeof(wire_event) };

static fake f;
static rj_session *session;
static uint32_t next_probe;
static buf_t text, json;

static const fake_type simple_types[] = {
    {.address = T_INT, .name = "System.Int32", .kind = WIRE_SIMPLE, .bytes = 8, .element = E_I4},
    {.address = T_CHAR, .name = "System.Char", .kind = WIRE_SIMPLE, .bytes = 8, .element = E_CHAR},
    {.address = T_STRING, .name = "System.String", .kind = WIRE_STRING},
    {.address = T_ITEMS, .name = "Shop.Item[]", .kind = WIRE_ARRAY, .element_type = T_ITEM, .element_size = 8},
    {.address = T_INTS, .name = "System.Int32[]", .kind = WIRE_ARRAY, .element_type = T_INT, .element_size = 4},
    {.address = T_CHARS,
     .name = "System.ReadOnlySpan<char>",
     .kind = WIRE_STRUCT,
     .element_type = T_CHAR,
     .element_size = 8},
    {.address = T_SPAN_INT, .name = "System.Span<int>", .kind = WIRE_STRUCT, .element_type = T_INT, .element_size = 8},
};

static void add_struct(uint64_t address, const char *name, uint32_t kind, uint32_t bytes, const fake_field *fields,
                       size_t n)
{
    fake_add_type(
        &f, &(fake_type){
                .address = address, .name = name, .kind = kind, .bytes = bytes, .fields = fields, .field_count = n});
}
#define FIELDS(...) (const fake_field[]){__VA_ARGS__}, sizeof((const fake_field[]){__VA_ARGS__}) / sizeof(fake_field)

static void add_types(void)
{
    static const char *const colours[] = {"Red=0", "Green=1", "Blue=2"}, *const flags[] = {"None=0", "Read=1",
                                                                                           "Write=2", "Both=3",
                                                                                           "Run=4"};
    for (size_t i = 0; i < RJ_COUNT(simple_types); i++)
        fake_add_type(&f, &simple_types[i]);
    fake_add_type(&f, &(fake_type){.address = T_COLOUR,
                                   .name = "Shop.Colour",
                                   .kind = WIRE_ENUM,
                                   .element = E_I4,
                                   .members = colours,
                                   .member_count = 3});
    fake_add_type(&f, &(fake_type){.address = T_FLAGS,
                                   .name = "Shop.Access",
                                   .kind = WIRE_ENUM,
                                   .element = E_I4,
                                   .members = flags,
                                   .member_count = 5,
                                   .flags = true});
    add_struct(T_ITEM, "Shop.Item", WIRE_CLASS, 24,
               FIELDS({"<Id>k__BackingField", 16, E_I4, 0, "int"}, {"_name", 0, E_STRING, 0, "string"},
                      {"_apiToken", 8, E_STRING, 0, "string"}));
    add_struct(
        T_LIST, "System.Collections.Generic.List<Item>", WIRE_CLASS, 16,
        FIELDS({"_items", 0, E_CLASS, 0, "T[]"}, {"_size", 8, E_I4, 0, "int"}, {"_version", 12, E_I4, 0, "int"}));
    add_struct(T_DECIMAL, "System.Decimal", WIRE_STRUCT, 16,
               FIELDS({"_flags", 0, E_I4, 0, "int"}, {"_hi32", 4, E_U4, 0, "uint"}, {"_lo64", 8, E_U8, 0, "ulong"}));
    add_struct(T_DATE, "System.DateTime", WIRE_STRUCT, 8, FIELDS({"_dateData", 0, E_U8, 0, "ulong"}));
    add_struct(T_OFFSET, "System.DateTimeOffset", WIRE_STRUCT, 16,
               FIELDS({"_dateTime", 0, E_VALUE, T_DATE, "DateTime"}, {"_offsetMinutes", 8, E_I4, 0, "int"}));
    add_struct(T_SPAN_TIME, "System.TimeSpan", WIRE_STRUCT, 8, FIELDS({"_ticks", 0, E_I8, 0, "long"}));
    add_struct(T_GUID, "System.Guid", WIRE_STRUCT, 16, FIELDS({"_a", 0, E_I4, 0, "int"}));
    add_struct(T_NULLABLE, "System.Nullable<int>", WIRE_STRUCT, 8,
               FIELDS({"hasValue", 0, E_BOOL, 0, "bool"}, {"value", 4, E_VALUE, T_INT, "T"}));
    add_struct(T_TUPLE, "System.ValueTuple<int,string>", WIRE_STRUCT, 16,
               FIELDS({"Item1", 8, E_I4, 0, "T1"}, {"Item2", 0, E_CLASS, 0, "T2"}));
    add_struct(T_TASK, "System.Threading.Tasks.Task<int>", WIRE_CLASS, 16,
               FIELDS({"m_stateFlags", 0, E_I4, 0, "int"}, {"m_result", 4, E_I4, 0, "T"}));
    add_struct(T_POINT, "Shop.Point", WIRE_STRUCT, 8, FIELDS({"X", 0, E_I4, 0, "int"}, {"Y", 4, E_I4, 0, "int"}));
    add_struct(
        T_MEMORY, "System.ReadOnlyMemory<char>", WIRE_STRUCT, 16,
        FIELDS({"_object", 0, E_CLASS, 0, "object"}, {"_index", 8, E_I4, 0, "int"}, {"_length", 12, E_I4, 0, "int"}));
    add_struct(T_LOOP, "Shop.Loop", WIRE_STRUCT, 8, FIELDS({"Self", 0, E_VALUE, T_LOOP, "Loop"}));
    add_struct(T_DICT, "System.Collections.Generic.Dictionary<string,int>", WIRE_CLASS, 16,
               FIELDS({"_count", 0, E_I4, 0, "int"}, {"_freeCount", 4, E_I4, 0, "int"}));
    fake_add_type(&f, &(fake_type){.address = T_EXCEPTION,
                                   .name = "Shop.StockException",
                                   .kind = WIRE_CLASS,
                                   .bytes = 16,
                                   .parent = "System.Exception",
                                   .fields = (const fake_field[]){{"_message", 0, E_STRING, 0, "string"},
                                                                  {"_HResult", 8, E_I4, 0, "int"}},
                                   .field_count = 2});
}

/* ---- one value through everything ---- */

static bool keep(void *owner, const rj_call *c)
{
    (void)owner;
    text.n = json.n = 0;
    assert_int_equal(c->arg_count, 1);
    out_value(&text, &c->args[0]);
    out_json_value(&json, &c->args[0]);
    if (c->truncated) buf_str(&text, " [truncated]");
    return true;
}

static void announce(const char *name, const char *type, uint32_t how, uint32_t element)
{
    fake_value v = {.name = name, .type = type, .how = how, .slot = SLOT, .element = element};
    f.probes.n = 0;
    fake_probe(&f, ++next_probe, "T.M(object)", "T.dll", &v, 1);
    fake_send(&f, WIRE_NOTICE_PROBES, 0, &f.probes);
}

static void deliver(const buf_t *rest)
{
    rj_handlers h = {.call = keep};
    rj_error e = {0};
    wire_event v = {.kind = WIRE_EV_RETURN, .probe = next_probe, .tid = 1, .start = 1000};
    fake_event(&f, 1, &v, rest->p, rest->n);
    text.n = 0;
    for (int i = 0; i < 50 && !text.n; i++)
        assert_true(rj_poll(session, 200, &h, &e));
}

static void primitive(uint32_t element, uint64_t bits, const char *want, const char *want_json)
{
    buf_t rest = {0};
    announce("value", "T", WIRE_PRIMITIVE, element);
    buf_u64(&rest, bits);
    deliver(&rest);
    assert_string_equal(buf_cstr(&text), want);
    assert_string_equal(buf_cstr(&json), want_json);
    buf_free(&rest);
}

/* The picture is the blob behind the slot. */
static void picture(const char *name, uint32_t how, const buf_t *blob, const char *want, const char *want_json)
{
    buf_t rest = {0};
    announce(name, "Declared.Type", how, 0);
    buf_u64(&rest, (uint64_t)blob->n << 32 | (SLOT + 8));
    buf_put(&rest, blob->p, blob->n);
    deliver(&rest);
    assert_string_equal(buf_cstr(&text), want);
    assert_string_equal(buf_cstr(&json), want_json);
    buf_free(&rest);
}

static void value_of(uint64_t type, const void *bytes, uint32_t n, const char *want, const char *want_json)
{
    buf_t b = {0};
    fake_piece(&b, type, 0, n, bytes, n);
    picture("value", WIRE_TYPED, &b, want, want_json);
    buf_free(&b);
}

static uint64_t bits_of(double d)
{
    uint64_t u;
    memcpy(&u, &d, sizeof u);
    return u;
}

static void primitives_print(void **state)
{
    (void)state;
    primitive(E_BOOL, 1, "true", "true");
    primitive(E_I4, (uint32_t)-42, "-42", "-42");
    primitive(E_U4, 4000000000u, "4000000000", "4000000000");
    primitive(E_I8, UINT64_C(1) << 63, "-9223372036854775808", "-9223372036854775808");
    primitive(E_U8, UINT64_MAX, "18446744073709551615", "18446744073709551615");
    primitive(E_I2, 0xFFFF, "-1", "-1");
    primitive(E_R8, bits_of(0.1), "0.1", "0.1");
    primitive(E_R8, UINT64_C(0x7FF8000000000000), "NaN", "\"NaN\"");
    primitive(E_R4, 0xFF800000u, "-Infinity", "\"-Infinity\"");
    primitive(E_CHAR, 'x', "'x'", "\"x\"");
    primitive(E_CHAR, 0xD800, "'\xEF\xBF\xBD'", "\"\xEF\xBF\xBD\"");
    primitive(E_PTR, 0x7f00dead, "0x7f00dead", "\"0x7f00dead\"");
    primitive(0x55, 1, "{T}", "{\"$type\":\"T\"}"); /* an element type that nobody knows */
}

static void strings_print(void **state)
{
    (void)state;
    buf_t b = {0};
    static const uint16_t hi[] = {'h', 'i', '"', 0x1B};
    fake_piece(&b, T_STRING, 0x9000, 4, hi, 8);
    picture("value", WIRE_OBJECT, &b, "\"hi\\\"\\u001b\"", "\"hi\\\"\\u001b\"");
    b.n = 0;
    fake_piece(&b, T_STRING, 0x9000, 1000, hi, 4);
    picture("value", WIRE_OBJECT, &b, "\"hi…\" [truncated]", "\"hi…\"");
    picture("Password", WIRE_OBJECT, &b, "***", "\"***\"");
    b.n = 0;
    fake_piece(&b, T_STRING, 0x9000, 0, hi, 0);
    picture("value", WIRE_OBJECT, &b, "\"\"", "\"\"");
    buf_free(&b);
}

static void enums_print_by_name(void **state)
{
    (void)state;
    value_of(T_COLOUR, &(int32_t){2}, 4, "Blue", "\"Blue\"");
    value_of(T_COLOUR, &(int32_t){-7}, 4, "-7", "\"-7\"");
    value_of(T_FLAGS, &(int32_t){0}, 4, "None", "\"None\"");
    value_of(T_FLAGS, &(int32_t){5}, 4, "Read | Run", "\"Read | Run\"");
    value_of(T_FLAGS, &(int32_t){7}, 4, "Both | Run", "\"Both | Run\"");
    value_of(T_FLAGS, &(int32_t){9}, 4, "9", "\"9\"");
}

static void numbers_and_times_print(void **state)
{
    (void)state;
    value_of(T_DECIMAL, (uint32_t[]){0x80020000, 0, 1250, 0}, 16, "-12.50", "\"-12.50\"");
    value_of(T_DECIMAL, (uint32_t[]){0, UINT32_MAX, UINT32_MAX, UINT32_MAX}, 16, "79228162514264337593543950335",
             "\"79228162514264337593543950335\"");
    value_of(T_DECIMAL, (uint32_t[]){0x001C0000, 0, 1, 0}, 16, "0.0000000000000000000000000001",
             "\"0.0000000000000000000000000001\"");
    value_of(T_DATE, &(uint64_t){UINT64_C(638448111591234567) | UINT64_C(1) << 62}, 8, "2024-02-29T13:45:59.1234567Z",
             "\"2024-02-29T13:45:59.1234567Z\"");
    value_of(T_DATE, &(uint64_t){0}, 8, "0001-01-01T00:00:00", "\"0001-01-01T00:00:00\"");
    value_of(T_DATE, &(uint64_t){UINT64_C(3155378975999999999)}, 8, "9999-12-31T23:59:59.9999999",
             "\"9999-12-31T23:59:59.9999999\"");
    value_of(T_OFFSET, (int64_t[]){INT64_C(638448111590000000), -480}, 16, "2024-02-29T05:45:59-08:00",
             "\"2024-02-29T05:45:59-08:00\"");
    value_of(T_SPAN_TIME, &(int64_t){-INT64_C(937840050000)}, 8, "-1.02:03:04.0050000", "\"-1.02:03:04.0050000\"");
    value_of(T_SPAN_TIME, &(int64_t){INT64_MIN}, 8, "-10675199.02:48:05.4775808", "\"-10675199.02:48:05.4775808\"");
    static const uint8_t guid[16] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
                                     0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF};
    value_of(T_GUID, guid, 16, "00112233-4455-6677-8899-aabbccddeeff", "\"00112233-4455-6677-8899-aabbccddeeff\"");
    value_of(T_NULLABLE, (int32_t[]){1, 42}, 8, "42", "42");
    value_of(T_NULLABLE, (int32_t[]){0, 42}, 8, "null", "null");
    value_of(T_POINT, (int32_t[]){3, 4}, 8, "Point{X: 3, Y: 4}", "{\"$type\":\"Shop.Point\",\"X\":3,\"Y\":4}");
}

static void objects_print_with_their_fields(void **state)
{
    (void)state;
    buf_t b = {0};
    struct {
        uint64_t name, token;
        int32_t id, pad;
    } item = {0x9100, 0x9200, 7, 0};
    fake_piece(&b, T_ITEM, 0x9000, 24, &item, 24);
    fake_piece(&b, T_STRING, 0x9100, 2, (uint16_t[]){'p', 'c'}, 4);
    fake_piece(&b, T_STRING, 0x9200, 2, (uint16_t[]){'s', 'h'}, 4);
    picture("value", WIRE_OBJECT, &b, "Item{Id: 7, _name: \"pc\", _apiToken: ***}",
            "{\"$type\":\"Shop.Item\",\"Id\":7,\"_name\":\"pc\",\"_apiToken\":\"***\"}");
    b.n = 0;
    fake_piece(&b, T_ITEM, 0x9000, 0, NULL, 0); /* not followed */
    picture("value", WIRE_OBJECT, &b, "{Item}", "{\"$type\":\"Shop.Item\"}");
    b.n = 0;
    fake_piece(&b, 0xBAD0, 0x9000, 8, "12345678", 8); /* a type that the agent does not know */
    picture("value", WIRE_OBJECT, &b, "{Type}", "{\"$type\":\"Declared.Type\"}");
    buf_free(&b);
}

static void lists_print_length_and_items(void **state)
{
    (void)state;
    buf_t b = {0};
    struct {
        uint64_t items;
        int32_t size, version;
    } list = {0x9100, 12, 1};
    fake_piece(&b, T_LIST, 0x9000, 16, &list, 16);
    fake_piece(&b, T_ITEMS, 0x9100, 16, (uint64_t[]){0x9200, 0, 0x9300}, 24);
    fake_piece(&b, T_ITEM, 0x9200, 0, NULL, 0);
    picture("value", WIRE_OBJECT, &b, "List<Item>(12) [{Item}, null, {Item}, ...]",
            "{\"$type\":\"System.Collections.Generic.List<Item>\",\"length\":12,\"items\":[{\"$type\":\"Shop.Item\"},"
            "null,{\"$type\":\"Shop.Item\"}]}");
    b.n = 0;
    fake_piece(&b, T_INTS, 0x9000, 2, (int32_t[]){1, -2}, 8);
    picture("value", WIRE_OBJECT, &b, "int[](2) [1, -2]",
            "{\"$type\":\"System.Int32[]\",\"length\":2,\"items\":[1,-2]}");
    b.n = 0;
    fake_piece(&b, T_DICT, 0x9000, 8, (int32_t[]){5, 2}, 8);
    picture("value", WIRE_OBJECT, &b, "Dictionary<string,int>(3)",
            "{\"$type\":\"System.Collections.Generic.Dictionary<string,int>\",\"length\":3,\"items\":[]}");
    b.n = 0;
    fake_piece(&b, T_SPAN_INT, 0, 3, (int32_t[]){1, 2, 3}, 12);
    picture("value", WIRE_SPAN, &b, "Span<int>(3) [1, 2, 3]",
            "{\"$type\":\"System.Span<int>\",\"length\":3,\"items\":[1,2,3]}");
    b.n = 0;
    fake_piece(&b, T_CHARS, 0, 20, (uint16_t[]){'a', 'b'}, 4);
    picture("value", WIRE_SPAN, &b, "\"ab…\" [truncated]", "\"ab…\"");
    b.n = 0;
    fake_piece(&b, T_MEMORY, 0, 16, (uint32_t[]){0x9100, 0, 1, 2}, 16);
    fake_piece(&b, T_STRING, 0x9100, 4, (uint16_t[]){'a', 'b', 'c', 'd'}, 8);
    picture("value", WIRE_TYPED, &b, "\"bc\"", "\"bc\"");
    b.n = 0;
    fake_piece(&b, T_TUPLE, 0, 16, (uint32_t[]){0x9100, 0, 5, 0}, 16);
    fake_piece(&b, T_STRING, 0x9100, 1, (uint16_t[]){'x'}, 2);
    picture("value", WIRE_TYPED, &b, "(5, \"x\")", "[5,\"x\"]");
    buf_free(&b);
}

static void tasks_and_exceptions_print_their_state(void **state)
{
    (void)state;
    buf_t b = {0};
    fake_piece(&b, T_TASK, 0x9000, 8, (int32_t[]){0x1000000, 42}, 8);
    picture("value", WIRE_OBJECT, &b, "Task<int>(RanToCompletion, 42)",
            "{\"$type\":\"System.Threading.Tasks.Task<int>\",\"state\":\"RanToCompletion\",\"result\":42}");
    b.n = 0;
    fake_piece(&b, T_TASK, 0x9000, 8, (int32_t[]){0x2000000, 42}, 8);
    picture("value", WIRE_OBJECT, &b, "Task<int>(WaitingForActivation)",
            "{\"$type\":\"System.Threading.Tasks.Task<int>\",\"state\":\"WaitingForActivation\"}");
    b.n = 0;
    fake_piece(&b, T_EXCEPTION, 0x9000, 16, (uint64_t[]){0x9100, 0}, 16);
    fake_piece(&b, T_STRING, 0x9100, 3, (uint16_t[]){'o', 'u', 't'}, 6);
    picture("value", WIRE_OBJECT, &b, "StockException{message: \"out\"}",
            "{\"$type\":\"Shop.StockException\",\"message\":\"out\"}");
    buf_free(&b);
}

static void hostile_pictures_are_survived(void **state)
{
    (void)state;
    buf_t b = {0};
    fake_piece(&b, T_LOOP, 0, 8, "12345678", 8); /* a struct that holds itself */
    buf_t rest = {0};
    announce("value", "Loop", WIRE_TYPED, 0);
    buf_u64(&rest, (uint64_t)b.n << 32 | (SLOT + 8));
    buf_put(&rest, b.p, b.n);
    deliver(&rest);
    assert_int_equal(strncmp(buf_cstr(&text), "Loop{Self: ", 11), 0);
    static const uint64_t slots[] = {UINT64_MAX, (uint64_t)8 << 32, (uint64_t)UINT32_MAX << 32 | (SLOT + 8),
                                     (uint64_t)24 << 32 | UINT32_MAX, (uint64_t)1 << 32 | (SLOT + 8)};
    for (size_t i = 0; i < RJ_COUNT(slots); i++) {
        rest.n = 0;
        announce("value", "Shop.Loop", WIRE_OBJECT, 0);
        buf_u64(&rest, slots[i]);
        buf_put(&rest, b.p, b.n);
        deliver(&rest);
        assert_string_equal(buf_cstr(&text), "{Loop}");
    }
    /* a piece that says it is longer than the blob, lengths that lie */
    b.n = 0;
    buf_u64(&b, T_STRING);
    buf_u64(&b, 0x9000);
    buf_u32(&b, UINT32_MAX);
    buf_u32(&b, UINT32_MAX);
    picture("value", WIRE_OBJECT, &b, "{Type}", "{\"$type\":\"Declared.Type\"}");
    b.n = 0;
    fake_piece(&b, T_INTS, 0x9000, UINT32_MAX, (int32_t[]){1, 2}, 8);
    picture("value", WIRE_OBJECT, &b, "int[](4294967295) [1, 2, ...]",
            "{\"$type\":\"System.Int32[]\",\"length\":4294967295,\"items\":[1,2]}");
    b.n = 0;
    fake_piece(&b, T_POINT, 0, 8, "1234", 4); /* half a struct */
    picture("value", WIRE_TYPED, &b, "Point{X: 875770417, Y: {int}} [truncated]",
            "{\"$type\":\"Shop.Point\",\"X\":875770417,\"Y\":{\"$type\":\"int\"}}");
    buf_free(&b);
    buf_free(&rest);
}

static int start(void **state)
{
    (void)state;
    static const char *const pattern = "T.M";
    rj_request q = {
        .verb = RJ_WATCH, .patterns = &pattern, .pattern_count = 1, .want = RJ_WANT_ARGS, .depth = 1, .later = true};
    rj_error e = {0};
    rj_probes p;
    fake_start(&f);
    add_types();
    session = fake_connect(&f, &e);
    return session && rj_instrument(session, &q, &p, &e) && rj_gate(session, true, &e) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    rj_close(session);
    fake_stop(&f);
    buf_free(&text);
    buf_free(&json);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(primitives_print),
        cmocka_unit_test(strings_print),
        cmocka_unit_test(enums_print_by_name),
        cmocka_unit_test(numbers_and_times_print),
        cmocka_unit_test(objects_print_with_their_fields),
        cmocka_unit_test(lists_print_length_and_items),
        cmocka_unit_test(tasks_and_exceptions_print_their_state),
        cmocka_unit_test(hostile_pictures_are_survived),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
