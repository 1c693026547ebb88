/*
 * The runtime's debugging interfaces (ICorDebug) as data: what the test debugger calls, on linux-x64. Slots that it
 * does not call are `void *`: their order is what counts.
 */
#ifndef CORDEBUG_H
#define CORDEBUG_H

#include "clr/clr.h"

typedef struct clr_unknown_slots cor_unknown;

typedef struct cor_value {
    const struct {
        cor_unknown unknown;
        clr_hresult (*GetType)(struct cor_value *, uint32_t *element);
        clr_hresult (*GetSize)(struct cor_value *, uint32_t *);
        void *GetAddress, *CreateBreakpoint;
    } * vt;
} cor_value;

typedef struct cor_generic_value {
    const struct {
        cor_unknown unknown;
        void *value[4];
        clr_hresult (*GetValue)(struct cor_generic_value *, void *);
        void *SetValue;
    } * vt;
} cor_generic_value;

typedef struct cor_reference_value {
    const struct {
        cor_unknown unknown;
        void *value[4];
        clr_hresult (*IsNull)(struct cor_reference_value *, int32_t *);
        void *GetValue, *SetValue;
        clr_hresult (*Dereference)(struct cor_reference_value *, cor_value **);
    } * vt;
} cor_reference_value;

typedef struct cor_string_value {
    const struct {
        cor_unknown unknown;
        void *value[4], *heap_value[2], *GetLength;
        clr_hresult (*GetString)(struct cor_string_value *, uint32_t room, uint32_t *chars, uint16_t *);
    } * vt;
} cor_string_value;

typedef struct cor_breakpoint {
    const struct {
        cor_unknown unknown;
        clr_hresult (*Activate)(struct cor_breakpoint *, int32_t on);
    } * vt;
} cor_breakpoint;

typedef struct cor_code {
    const struct {
        cor_unknown unknown;
        void *IsIL, *GetFunction, *GetAddress, *GetSize;
        clr_hresult (*CreateBreakpoint)(struct cor_code *, uint32_t offset, cor_breakpoint **);
    } * vt;
} cor_code;

struct cor_module;

typedef struct cor_function {
    const struct {
        cor_unknown unknown;
        clr_hresult (*GetModule)(struct cor_function *, struct cor_module **);
        void *GetClass;
        clr_hresult (*GetToken)(struct cor_function *, uint32_t *);
        clr_hresult (*GetILCode)(struct cor_function *, cor_code **);
    } * vt;
} cor_function;

typedef struct cor_module {
    const struct {
        cor_unknown unknown;
        void *GetProcess, *GetBaseAddress, *GetAssembly;
        clr_hresult (*GetName)(struct cor_module *, uint32_t room, uint32_t *chars, uint16_t *);
        void *EnableJITDebugging, *EnableClassLoadCallbacks;
        clr_hresult (*GetFunctionFromToken)(struct cor_module *, uint32_t token, cor_function **);
    } * vt;
} cor_module;

typedef struct cor_range {
    uint32_t start, end; /* IL offsets, end excluded */
} cor_range;

typedef struct cor_stepper {
    const struct {
        cor_unknown unknown;
        void *IsActive;
        clr_hresult (*Deactivate)(struct cor_stepper *);
        clr_hresult (*SetInterceptMask)(struct cor_stepper *, uint32_t);
        clr_hresult (*SetUnmappedStopMask)(struct cor_stepper *, uint32_t);
        void *Step;
        clr_hresult (*StepRange)(struct cor_stepper *, int32_t into, const cor_range *, uint32_t count);
        clr_hresult (*StepOut)(struct cor_stepper *);
    } * vt;
} cor_stepper;

typedef struct cor_frame {
    const struct {
        cor_unknown unknown;
        void *GetChain, *GetCode;
        clr_hresult (*GetFunction)(struct cor_frame *, cor_function **);
        void *GetFunctionToken, *GetStackRange;
        clr_hresult (*GetCaller)(struct cor_frame *, struct cor_frame **);
        void *GetCallee, *CreateStepper;
    } * vt;
} cor_frame;

/* The same object as a cor_frame, through QueryInterface. */
typedef struct cor_il_frame {
    const struct {
        cor_unknown unknown;
        void *frame[8];
        clr_hresult (*GetIP)(struct cor_il_frame *, uint32_t *offset, uint32_t *mapping);
        void *SetIP, *EnumerateLocalVariables;
        clr_hresult (*GetLocalVariable)(struct cor_il_frame *, uint32_t index, cor_value **);
        void *EnumerateArguments;
        clr_hresult (*GetArgument)(struct cor_il_frame *, uint32_t index, cor_value **);
    } * vt;
} cor_il_frame;

typedef struct cor_thread {
    const struct {
        cor_unknown unknown;
        void *GetProcess, *GetID, *GetHandle, *GetAppDomain, *SetDebugState, *GetDebugState, *GetUserState;
        void *GetCurrentException, *ClearCurrentException;
        clr_hresult (*CreateStepper)(struct cor_thread *, cor_stepper **);
        void *EnumerateChains, *GetActiveChain;
        clr_hresult (*GetActiveFrame)(struct cor_thread *, cor_frame **);
    } * vt;
} cor_thread;

/* ICorDebugController, which processes and application domains begin with. */
typedef struct cor_process {
    const struct {
        cor_unknown unknown;
        clr_hresult (*Stop)(struct cor_process *, uint32_t);
        clr_hresult (*Continue)(struct cor_process *, int32_t out_of_band);
        void *IsRunning;
        clr_hresult (*HasQueuedCallbacks)(struct cor_process *, cor_thread *, int32_t *);
        void *EnumerateThreads, *SetAllThreadsDebugState;
        clr_hresult (*Detach)(struct cor_process *);
    } * vt;
} cor_process;

typedef struct cor_debug {
    const struct {
        cor_unknown unknown;
        clr_hresult (*Initialize)(struct cor_debug *);
        clr_hresult (*Terminate)(struct cor_debug *);
        clr_hresult (*SetManagedHandler)(struct cor_debug *, void *callback);
        void *SetUnmanagedHandler, *CreateProcess;
        clr_hresult (*DebugActiveProcess)(struct cor_debug *, uint32_t pid, int32_t win32, cor_process **);
    } * vt;
} cor_debug;

/* What we implement: ICorDebugManagedCallback and its successors, as slot numbers. */
enum {
    COR_CB_Breakpoint = 3,
    COR_CB_StepComplete = 4,
    COR_CB_CreateProcess = 9,
    COR_CB_ExitProcess = 10,
    COR_CB_LoadModule = 13,
    COR_CB_DebuggerError = 17,
    COR_CB_BreakpointSetError = 28,
    COR_CB_SLOTS = 29,
};

#define COR_GUID(a, b, c, d0, d1, d2, d3, d4, d5, d6, d7) \
    {                                                     \
        a, b, c,                                          \
        {                                                 \
            d0, d1, d2, d3, d4, d5, d6, d7                \
        }                                                 \
    }
static const clr_guid cor_iid_debug =
    COR_GUID(0x3d6f5f61, 0x7538, 0x11d3, 0x8d, 0x5b, 0x00, 0x10, 0x4b, 0x35, 0xe7, 0xef);
static const clr_guid cor_iid_callbacks[] = {
    COR_GUID(0x3d6f5f60, 0x7538, 0x11d3, 0x8d, 0x5b, 0x00, 0x10, 0x4b, 0x35, 0xe7, 0xef),
    COR_GUID(0x250e5eea, 0xdb5c, 0x4c76, 0xb6, 0xf3, 0x8c, 0x46, 0xf1, 0x2e, 0x32, 0x03),
    COR_GUID(0x264ea0fc, 0x2591, 0x49aa, 0x86, 0x8e, 0x83, 0x5e, 0x65, 0x15, 0x32, 0x3f),
    COR_GUID(0x322911ae, 0x16a5, 0x49ba, 0x84, 0xa3, 0xed, 0x69, 0x67, 0x81, 0x38, 0xa3),
};
static const clr_guid cor_iid_il_frame =
    COR_GUID(0x03e26311, 0x4f76, 0x11d3, 0x88, 0xc6, 0x00, 0x60, 0x97, 0x94, 0x54, 0x18);
static const clr_guid cor_iid_generic_value =
    COR_GUID(0xcc7bcaf8, 0x8a68, 0x11d2, 0x98, 0x3c, 0x00, 0x00, 0xf8, 0x08, 0x34, 0x2d);
static const clr_guid cor_iid_reference_value =
    COR_GUID(0xcc7bcaf9, 0x8a68, 0x11d2, 0x98, 0x3c, 0x00, 0x00, 0xf8, 0x08, 0x34, 0x2d);
static const clr_guid cor_iid_string_value =
    COR_GUID(0xcc7bcafd, 0x8a68, 0x11d2, 0x98, 0x3c, 0x00, 0x00, 0xf8, 0x08, 0x34, 0x2d);

#endif
