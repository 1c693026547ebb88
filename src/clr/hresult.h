/* HRESULTs of the profiling and diagnostics interfaces, in words that a user can act on. */
#ifndef REJIT_CLR_HRESULT_H
#define REJIT_CLR_HRESULT_H

#include <stdint.h>

#define CLR_NOT_YET                 ((int32_t)0x8013135B)
#define CLR_PROFILER_ALREADY_ACTIVE ((int32_t)0x8013136A)
#define CLR_PROFILING_DISABLED      ((int32_t)0x80131378)
#define CLR_UNKNOWN_COMMAND         ((int32_t)0x80131385)
#define CLR_UNKNOWN_ERROR           ((int32_t)0x80131387)

/* A constant text, never NULL: "another profiler is loaded in the process already". Print the number beside it
 * ("%08x"). */
const char *clr_hresult_text(int32_t hr);

#endif
