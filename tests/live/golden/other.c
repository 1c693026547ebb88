/* Another profiler: the smallest that a runtime takes. It answers S_OK to every callback and asks for no event. */
#include <stdint.h>
#include <stdlib.h>

enum { S_OK = 0, E_POINTER = INT32_MIN + 0x4003 };

#define API __attribute__((visibility("default")))

typedef struct object {
    void *const *slots;
} object;

static object callback, factory;

static int32_t query(object *self, const void *iid, void **out)
{
    (void)iid;
    if (!out) return E_POINTER;
    *out = self;
    return S_OK;
}

static uint32_t count(object *self)
{
    (void)self;
    return 1;
}

static int32_t fine(void)
{
    return S_OK;
}

static int32_t create(object *self, void *outer, const void *iid, void **out)
{
    (void)self, (void)outer;
    return query(&callback, iid, out);
}

/* IUnknown, then more methods than ICorProfilerCallback11 has. */
static void *callback_slots[160];
static void *factory_slots[] = {(void *)query, (void *)count, (void *)count, (void *)create, (void *)fine};

API int32_t DllGetClassObject(const void *clsid, const void *iid, void **out);
int32_t DllGetClassObject(const void *clsid, const void *iid, void **out)
{
    (void)clsid;
    for (size_t i = 0; i < sizeof callback_slots / sizeof *callback_slots; i++)
        callback_slots[i] = i == 0 ? (void *)query : i < 3 ? (void *)count : (void *)fine;
    callback.slots = callback_slots;
    factory.slots = factory_slots;
    return query(&factory, iid, out);
}

API int32_t DllCanUnloadNow(void);
int32_t DllCanUnloadNow(void)
{
    return 1;
}
