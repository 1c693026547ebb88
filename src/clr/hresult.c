#include "clr/hresult.h"

#include <stddef.h>

typedef struct known {
    uint32_t hr;
    const char *text;
} known;

/* clang-format off */ /* one line each reads better */
static const known all[] = {
    {0x00000000, "done"},
    {0x00000001, "nothing to do"},
    {0x00131106, "some of the data was cut"},
    {0x00131197, "the item was there already"},
    {0x8000211D, "the name is overloaded"},
    {0x80004001, "not implemented by this runtime"},
    {0x80004002, "the runtime has no such interface"},
    {0x80004003, "a null pointer was passed"},
    {0x80004005, "the runtime reports a failure without more words"},
    {0x8000FFFF, "the runtime met a state that it did not expect"},
    {0x80040111, "the library does not hold that profiler class"},
    {0x80070002, "file not found: the runtime could not load the library"},
    {0x80070005, "access denied"},
    {0x8007000B, "bad image format"},
    {0x8007000E, "out of memory in the target"},
    {0x80070057, "an argument was refused: for a method, that it is dynamic or without IL"},
    {0x8007007E, "module not found: the runtime could not load the library or one that it needs"},
    {0x80131022, "no such application domain"},
    {0x80131124, "the index is out of range"},
    {0x80131130, "the metadata has no such record"},
    {0x80131350, "the function is not compiled yet"},
    {0x80131351, "the data is not complete: the item is still being loaded"},
    {0x80131354, "the method has no IL"},
    {0x80131355, "the thread is not a managed one"},
    {0x80131356, "the call is only allowed while the profiler is initialised"},
    {0x8013135B, "not available yet"},
    {0x8013135C, "the type is generic and its arguments are not known"},
    {0x8013135D, "the function is generic and its arguments are not known"},
    {0x80131363, "the runtime does not allow this call at this point"},
    {0x80131366, "the identifier names a composite type"},
    {0x80131367, "a profiler is being detached"},
    {0x80131368, "the library is no profiler that can be attached"},
    {0x80131369, "the runtime did not understand the attach request"},
    {0x8013136A, "another profiler is loaded in the process already"},
    {0x8013136B, "the runtime is not compatible with the attach request"},
    {0x8013136C, "the runtime's own attach channel failed"},
    {0x8013136D, "the process to attach to was not found"},
    {0x8013136E, "the profiler lacks an interface that attaching needs"},
    {0x8013136F, "this is not available to a profiler that was attached later"},
    {0x80131370, "the profiler has changed methods, so it cannot be detached"},
    {0x80131371, "the runtime has not started yet: try again in a moment"},
    {0x80131372, "an event was asked for that can only be chosen at start-up"},
    {0x80131373, "the profiler is still being initialised: try again in a moment"},
    {0x80131374, "the request does not agree with the events that were asked for"},
    {0x80131375, "the profiler declined to be loaded"},
    {0x80131376, "not available while the concurrent garbage collector is on"},
    {0x80131378, "debugging and profiling are disabled in this process"},
    {0x80131379, "the concurrent garbage collector did not end in time"},
    {0x8013137A, "the module is dynamic: the runtime cannot recompile its methods"},
    {0x8013137B, "the profiler lacks an interface that recompiling needs"},
    {0x8013137C, "recompiling is switched off in this process (RejitOnAttach=0)"},
    {0x8013137E, "the method is in collectible code, which the runtime cannot recompile"},
    {0x80131383, "recompiling the callers that inlined a method is switched off"},
    {0x80131384, "the diagnostics request was malformed"},
    {0x80131385, "the runtime does not know this diagnostics command"},
    {0x80131386, "the runtime speaks another diagnostics protocol"},
    {0x80131387, "the diagnostics port reports an unknown error"},
    {0x80131388, "the runtime is being suspended: try again in a moment"},
    {0x8013138A, "the module is open for Edit and Continue: start the program without DOTNET_MODIFIABLE_ASSEMBLIES and outside of `dotnet watch`"},
    {0x80131513, "no such method"},
    {0x80131522, "no such type"},
};
/* clang-format on */

const char *clr_hresult_text(int32_t hr)
{
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].hr == (uint32_t)hr) return all[i].text;
    return hr < 0 ? "the runtime reports an error that has no name here" : "done";
}
