/*
 * What the stock runtime's ReJIT still cannot do: the middle column of docs/limits.md. Where a later runtime lifts a
 * limit, the case fails and the table is to be changed.
 */
#include "live.h"

#include "cil/cil.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CYCLES 10000

/* A program with the stock profiler in it, and the line to the profiler. */
typedef struct stock {
    app a;
    FILE *orders;
    char answer[512];
} stock;

static void stock_start(stock *s)
{
    static const char profiler[] = "CORECLR_PROFILER_PATH=" REJIT_STOCK_PROFILER;
    static const char *const variables[] = {"DOTNET_TieredCompilation=0", "CORECLR_ENABLE_PROFILING=1",
                                            "CORECLR_PROFILER={4F3D7C2A-8B1E-4D56-9A57-2E6A1D0C5B71}", profiler, NULL};
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    app_start(&s->a, &(app_options){.program = "Target", .variables = variables});
    int n = snprintf(where.sun_path + 1, sizeof where.sun_path - 1, "rejit-stock-%d", (int)s->a.pid);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    if (connect(fd, (struct sockaddr *)&where, size) < 0) fail_msg("the stock profiler is not in the program");
    s->orders = fdopen(fd, "r+");
    assert_non_null(s->orders);
    setvbuf(s->orders, NULL, _IONBF, 0);
}

static void stock_end(stock *s)
{
    fclose(s->orders);
    assert_int_equal(app_end(&s->a), 0);
}

static const char *order(stock *s, const char *line)
{
    assert_true(fputs(line, s->orders) >= 0 && fputc('\n', s->orders) == '\n');
    assert_non_null(fgets(s->answer, sizeof s->answer, s->orders));
    if (strncmp(s->answer, "ok ", 3) != 0) fail_msg("%s: %s", line, s->answer);
    return s->answer + 3;
}

static uint32_t hresult_of(stock *s, const char *verb, const char *module, uint32_t token)
{
    char line[300];
    snprintf(line, sizeof line, "%s %s %08x", verb, module, (unsigned)token);
    return (uint32_t)strtoul(order(s, line), NULL, 16);
}

static uint64_t count_of(stock *s, const char *key)
{
    return app_number(order(s, "counts"), key);
}

/* The MethodDef of Target.TYPE.METHOD in Target.dll. */
static uint32_t token_of(const char *type, const char *method)
{
    const char *path = REJIT_SOURCE_DIR "/build/apps/Target/Target.dll";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st = {0};
    cil_image im = {0};
    err_t e = {0};
    uint32_t found = 0;
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(bytes != MAP_FAILED && cil_image_open(&im, bytes, (size_t)st.st_size, CIL_FLAT, &e));
    for (uint32_t rid = 1; rid <= im.rows[CIL_METHOD_DEF] && !found; rid++) {
        uint32_t owner = cil_method_owner(&im, rid);
        if (strcmp(cil_cell_string(&im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_NAME), method) == 0 &&
            strcmp(cil_cell_string(&im, CIL_TYPE_DEF, owner, CIL_TYPE_DEF_NAME), type) == 0)
            found = CIL_TOKEN(CIL_METHOD_DEF, rid);
    }
    munmap(bytes, (size_t)st.st_size);
    close(fd);
    assert_int_not_equal(found, 0);
    return found;
}

/* Limit 4: every version that is installed, run and reverted stays in memory. */
static void test_versions_are_never_given_back(void **state)
{
    (void)state;
    static stock s;
    const uint32_t add = token_of("Work", "Add");
    stock_start(&s);
    for (int i = 0; i < CYCLES + 100; i++) {
        static uint64_t before;
        if (i == 100) {
            app_ok(&s.a, "gc 3");
            before = app_memory(&s.a);
        }
        assert_int_equal(hresult_of(&s, "rejit", "Target", add), 0);
        app_ok(&s.a, "call Work.Add");
        assert_int_equal(hresult_of(&s, "revert", "Target", add), 0);
        if (i < CYCLES + 99) continue;
        app_ok(&s.a, "gc 3");
        int64_t growth = (int64_t)app_memory(&s.a) - (int64_t)before;
        print_message("stock: %d versions, each run and reverted, keep %lld KB\n", CYCLES, (long long)growth / 1024);
        assert_true(growth > (10 << 20));
    }
    assert_int_equal(count_of(&s, "calls"), CYCLES + 100);
    stock_end(&s);
}

/* Limit 5: a method that was inlined goes on in its callers as it was. */
static void test_inlined_calls_are_missed(void **state)
{
    (void)state;
    static stock s;
    const uint32_t add = token_of("Work", "Add");
    stock_start(&s);
    for (int i = 0; i < 2; i++) { /* the runtime counts calls only once nothing new was compiled for a while */
        app_ok(&s.a, "call Work.SpinAdd x500");
        app_ok(&s.a, "settle");
    }
    assert_int_equal(hresult_of(&s, "rejit", "Target", add), 0);
    app_ok(&s.a, "call Work.SpinAdd x10");
    uint64_t plain = count_of(&s, "calls");
    assert_int_equal(hresult_of(&s, "inliners", "Target", add), 0);
    app_ok(&s.a, "call Work.SpinAdd x10");
    uint64_t with = count_of(&s, "calls") - plain;
    print_message("stock: of 100000 calls RequestReJIT sees %llu, RequestReJITWithInliners %llu\n",
                  (unsigned long long)plain, (unsigned long long)with);
    assert_int_equal(plain, 0);
    assert_int_equal(with, 100000);
    stock_end(&s);
}

/* Limit 7: what is made at run time is refused late, or not at all and never done. */
static void test_code_made_at_run_time_is_refused(void **state)
{
    (void)state;
    static stock s;
    stock_start(&s);
    app_ok(&s.a, "call Dynamic.Emit 6");
    app_ok(&s.a, "call Dynamic.Emit 6 collectible");
    uint32_t hr = hresult_of(&s, "rejit", "Emitted", 0x06000001);
    app_ok(&s.a, "call Dynamic.CallMethod"); /* the request is worked off by the time that code is compiled */
    uint64_t errors = count_of(&s, "errors");
    print_message("stock: AssemblyBuilder: the request answers %08x, %llu error(s) %s", (unsigned)hr,
                  (unsigned long long)errors, strstr(s.answer, "error "));
    assert_int_equal(hr, 0);
    assert_int_equal(errors, 1);
    assert_non_null(strstr(s.answer, "error 8013137a"));
    hr = hresult_of(&s, "rejit", "EmittedCollectible", 0x06000001);
    assert_int_equal(hr, 0);
    assert_int_equal(count_of(&s, "parameters"), 0);
    stock_end(&s);
}

/* Limit 1, the way back: a profiler that has used ReJIT stays. */
static void test_no_detach_after_rejit(void **state)
{
    (void)state;
    static stock s;
    stock_start(&s);
    uint32_t hr = (uint32_t)strtoul(order(&s, "detach"), NULL, 16);
    print_message("stock: RequestProfilerDetach answers %08x\n", (unsigned)hr);
    assert_int_equal(hr, 0x80131370u);
    stock_end(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_versions_are_never_given_back),
    cmocka_unit_test(test_inlined_calls_are_missed),
    cmocka_unit_test(test_code_made_at_run_time_is_refused),
    cmocka_unit_test(test_no_detach_after_rejit),
};
LIVE_MAIN("limits_stock", tests)
