/*
 * clr: the runtime's binary interfaces as data. COM vtables of the profiling and metadata APIs (linux-x64 ABI), GUIDs,
 * constants.
 *
 * Slots that nobody here calls are `void *`: their order is what counts. Interface versions append to one another, so
 * one table of ICorProfilerInfo slots serves all of them up to the version that QueryInterface answered. See also ipc.h
 * (diagnostics IPC) and hresult.h (HRESULTs in words).
 */
#ifndef REJIT_CLR_H
#define REJIT_CLR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int32_t clr_hresult;
#define CLR_OK                  ((clr_hresult)0)
#define CLR_FAIL                ((clr_hresult)0x80004005)
#define CLR_NO_INTERFACE        ((clr_hresult)0x80004002)
#define CLR_CLASS_NOT_AVAILABLE ((clr_hresult)0x80040111)
#define CLR_CANCEL_ACTIVATION   ((clr_hresult)0x80131375) /* the runtime goes on without us, and says nothing */

typedef struct clr_guid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
} clr_guid;
bool clr_guid_equal(const clr_guid *x, const clr_guid *y);

/* The profiler's own class id: {4F3D7C2A-8B1E-4D56-9A57-2E6A1D0C5B71}. */
extern const clr_guid clr_profiler_clsid;
#define CLR_PROFILER_CLSID_TEXT "{4F3D7C2A-8B1E-4D56-9A57-2E6A1D0C5B71}"

typedef uintptr_t clr_module_id, clr_function_id, clr_class_id, clr_assembly_id, clr_appdomain_id, clr_thread_id,
    clr_rejit_id;

/* COR_PRF_MONITOR bits that the agent asks for, low and high word. */
enum {
    CLR_MONITOR_MODULE_LOADS = 0x4,
    CLR_MONITOR_ASSEMBLY_LOADS = 0x8,
    CLR_MONITOR_JIT_COMPILATION = 0x20,
    CLR_MONITOR_EXCEPTIONS = 0x40,
    CLR_ENABLE_REJIT = 0x40000,
    CLR_MONITOR_DYNAMIC_UNLOADS = 0x4, /* of the high word */
    CLR_ENABLE_STACKS = 0x10000000,    /* DoStackSnapshot */
    CLR_REJIT_BLOCK_INLINING = 1,
    CLR_REJIT_INLINING_CALLBACKS = 2,
    CLR_MODULE_DISK = 0x1,
    CLR_MODULE_DYNAMIC = 0x4,
    CLR_MODULE_COLLECTIBLE = 0x8,
    CLR_MODULE_RESOURCE = 0x10,
    CLR_MODULE_FLAT_LAYOUT = 0x20,
    CLR_OPEN_READ = 0, /* CorOpenFlags: ofRead, ofWrite */
    CLR_OPEN_WRITE = 1,
};

typedef struct clr_il_map {
    uint32_t from, to;
    int32_t accurate;
} clr_il_map;
typedef struct clr_field_offset {
    uint32_t field, offset;
} clr_field_offset;
/* What EnumJITedFunctions2 enumerates. */
typedef struct clr_jitted_function {
    clr_function_id function;
    clr_rejit_id rejit;
} clr_jitted_function;
typedef struct clr_code_info {
    uintptr_t start, size;
} clr_code_info;

/* Where in native code an IL offset stands: from `start` up to `end`, counted over all ranges of the code. */
typedef struct clr_native_map {
    uint32_t il, start, end;
} clr_native_map;
/* In place of an IL offset. */
#define CLR_IL_NONE   0xFFFFFFFFu
#define CLR_IL_PROLOG 0xFFFFFFFEu
#define CLR_IL_EPILOG 0xFFFFFFFDu

/* Called for each frame of a stack, innermost first; function 0 stands for a run of native frames. */
typedef clr_hresult clr_stack_visitor(clr_function_id, uintptr_t ip, uintptr_t frame, uint32_t context_size, uint8_t *,
                                      void *owner);

/* Any COM object: enough to query, count and release it. */
typedef struct clr_unknown {
    const struct clr_unknown_slots {
        clr_hresult (*QueryInterface)(void *self, const clr_guid *, void **);
        uint32_t (*AddRef)(void *self);
        uint32_t (*Release)(void *self);
    } * vt;
} clr_unknown;

/* ICorProfilerModuleEnum, ICorProfilerFunctionEnum. Next's `out` elements are of the enumeration's own type. */
typedef struct clr_enum {
    const struct clr_enum_slots {
        struct clr_unknown_slots unknown;
        void *Skip, *Reset, *Clone;
        clr_hresult (*GetCount)(struct clr_enum *, uint32_t *);
        clr_hresult (*Next)(struct clr_enum *, uint32_t n, void *out, uint32_t *fetched);
    } * vt;
} clr_enum;

/* ICorProfilerFunctionControl, given to GetReJITParameters. */
typedef struct clr_function_control {
    const struct clr_function_control_slots {
        struct clr_unknown_slots unknown;
        clr_hresult (*SetCodegenFlags)(struct clr_function_control *, uint32_t);
        clr_hresult (*SetILFunctionBody)(struct clr_function_control *, uint32_t size, const uint8_t *body);
        clr_hresult (*SetILInstrumentedCodeMap)(struct clr_function_control *, uint32_t n, clr_il_map *);
    } * vt;
} clr_function_control;

struct clr_il_memory;

/* ICorProfilerInfo .. ICorProfilerInfo12. */
typedef struct clr_info {
    const struct clr_info_slots {
        struct clr_unknown_slots unknown;
        /* ICorProfilerInfo */
        void *GetClassFromObject;
        clr_hresult (*GetClassFromToken)(struct clr_info *, clr_module_id, uint32_t token, clr_class_id *);
        void *GetCodeInfo, *GetEventMask, *GetFunctionFromIP;
        clr_hresult (*GetFunctionFromToken)(struct clr_info *, clr_module_id, uint32_t token, clr_function_id *);
        void *GetHandleFromThread, *GetObjectSize;
        clr_hresult (*IsArrayClass)(struct clr_info *, clr_class_id, uint32_t *element_type, clr_class_id *element,
                                    uint32_t *rank);
        void *GetThreadInfo, *GetCurrentThreadID;
        clr_hresult (*GetClassIDInfo)(struct clr_info *, clr_class_id, clr_module_id *, uint32_t *token);
        clr_hresult (*GetFunctionInfo)(struct clr_info *, clr_function_id, clr_class_id *, clr_module_id *,
                                       uint32_t *token);
        clr_hresult (*SetEventMask)(struct clr_info *, uint32_t);
        void *SetEnterLeaveFunctionHooks, *SetFunctionIDMapper, *GetTokenAndMetaDataFromFunction, *GetModuleInfo;
        clr_hresult (*GetModuleMetaData)(struct clr_info *, clr_module_id, uint32_t open_flags, const clr_guid *,
                                         void **);
        clr_hresult (*GetILFunctionBody)(struct clr_info *, clr_module_id, uint32_t token, const uint8_t **,
                                         uint32_t *size);
        clr_hresult (*GetILFunctionBodyAllocator)(struct clr_info *, clr_module_id, struct clr_il_memory **);
        clr_hresult (*SetILFunctionBody)(struct clr_info *, clr_module_id, uint32_t token, const uint8_t *body);
        void *GetAppDomainInfo;
        clr_hresult (*GetAssemblyInfo)(struct clr_info *, clr_assembly_id, uint32_t chars, uint32_t *used,
                                       uint16_t *name, clr_appdomain_id *, clr_module_id *);
        void *SetFunctionReJIT, *ForceGC, *SetILInstrumentedCodeMap, *GetInprocInspectionInterface;
        void *GetInprocInspectionIThisThread, *GetThreadContext, *BeginInprocDebugging, *EndInprocDebugging;
        void *GetILToNativeMapping;
        /* ICorProfilerInfo2 */
        clr_hresult (*DoStackSnapshot)(struct clr_info *, clr_thread_id, clr_stack_visitor *, uint32_t flags,
                                       void *owner, uint8_t *context, uint32_t context_size);
        void *SetEnterLeaveFunctionHooks2;
        clr_hresult (*GetFunctionInfo2)(struct clr_info *, clr_function_id, uintptr_t frame, clr_class_id *,
                                        clr_module_id *, uint32_t *token, uint32_t n, uint32_t *used,
                                        clr_class_id *args);
        void *GetStringLayout;
        clr_hresult (*GetClassLayout)(struct clr_info *, clr_class_id, clr_field_offset *, uint32_t n, uint32_t *used,
                                      uint32_t *size);
        clr_hresult (*GetClassIDInfo2)(struct clr_info *, clr_class_id, clr_module_id *, uint32_t *token,
                                       clr_class_id *parent, uint32_t n, uint32_t *used, clr_class_id *args);
        void *GetCodeInfo2;
        clr_hresult (*GetClassFromTokenAndTypeArgs)(struct clr_info *, clr_module_id, uint32_t token, uint32_t n,
                                                    clr_class_id *args, clr_class_id *);
        void *GetFunctionFromTokenAndTypeArgs, *EnumModuleFrozenObjects, *GetArrayObjectInfo, *GetBoxClassLayout;
        void *GetThreadAppDomain, *GetRVAStaticAddress, *GetAppDomainStaticAddress, *GetThreadStaticAddress;
        void *GetContextStaticAddress, *GetStaticFieldInfo, *GetGenerationBounds, *GetObjectGeneration;
        void *GetNotifiedExceptionClauseInfo;
        /* ICorProfilerInfo3 */
        void *EnumJITedFunctions;
        clr_hresult (*RequestProfilerDetach)(struct clr_info *, uint32_t most_ms);
        void *SetFunctionIDMapper2, *GetStringLayout2;
        void *SetEnterLeaveFunctionHooks3, *SetEnterLeaveFunctionHooks3WithInfo, *GetFunctionEnter3Info,
            *GetFunctionLeave3Info;
        void *GetFunctionTailcall3Info;
        clr_hresult (*EnumModules)(struct clr_info *, clr_enum **);
        clr_hresult (*GetRuntimeInformation)(struct clr_info *, uint16_t *instance, int32_t *type, uint16_t *major,
                                             uint16_t *minor, uint16_t *build, uint16_t *qfe, uint32_t chars,
                                             uint32_t *used, uint16_t *text);
        void *GetThreadStaticAddress2, *GetAppDomainsContainingModule;
        clr_hresult (*GetModuleInfo2)(struct clr_info *, clr_module_id, const uint8_t **base, uint32_t chars,
                                      uint32_t *used, uint16_t *name, clr_assembly_id *, uint32_t *flags);
        /* ICorProfilerInfo4 */
        clr_hresult (*EnumThreads)(struct clr_info *, clr_enum **);
        void *InitializeCurrentThread;
        clr_hresult (*RequestReJIT)(struct clr_info *, uint32_t n, clr_module_id *, uint32_t *tokens);
        clr_hresult (*RequestRevert)(struct clr_info *, uint32_t n, clr_module_id *, uint32_t *tokens, clr_hresult *);
        void *GetCodeInfo3;
        clr_hresult (*GetFunctionFromIP2)(struct clr_info *, const uint8_t *, clr_function_id *, clr_rejit_id *);
        clr_hresult (*GetReJITIDs)(struct clr_info *, clr_function_id, uint32_t n, uint32_t *used, clr_rejit_id *);
        void *GetILToNativeMapping2;
        clr_hresult (*EnumJITedFunctions2)(struct clr_info *, clr_enum **);
        void *GetObjectSize2;
        /* ICorProfilerInfo5 */
        void *GetEventMask2;
        clr_hresult (*SetEventMask2)(struct clr_info *, uint32_t low, uint32_t high);
        /* ICorProfilerInfo6 */
        void *EnumNgenModuleMethodsInliningThisMethod;
        /* ICorProfilerInfo7 */
        clr_hresult (*ApplyMetaData)(struct clr_info *, clr_module_id);
        void *GetInMemorySymbolsLength, *ReadInMemorySymbols;
        /* ICorProfilerInfo8 */
        void *IsFunctionDynamic;
        clr_hresult (*GetFunctionFromIP3)(struct clr_info *, const uint8_t *, clr_function_id *, clr_rejit_id *);
        clr_hresult (*GetDynamicFunctionInfo)(struct clr_info *, clr_function_id, clr_module_id *, const uint8_t **sig,
                                              uint32_t *sig_size, uint32_t chars, uint32_t *used, uint16_t *name);
        /* ICorProfilerInfo9 */
        clr_hresult (*GetNativeCodeStartAddresses)(struct clr_info *, clr_function_id, clr_rejit_id, uint32_t n,
                                                   uint32_t *used, uintptr_t *);
        clr_hresult (*GetILToNativeMapping3)(struct clr_info *, uintptr_t start, uint32_t n, uint32_t *used,
                                             clr_native_map *);
        clr_hresult (*GetCodeInfo4)(struct clr_info *, uintptr_t start, uint32_t n, uint32_t *used, clr_code_info *);
        /* ICorProfilerInfo10 */
        void *EnumerateObjectReferences, *IsFrozenObject, *GetLOHObjectSizeThreshold;
        clr_hresult (*RequestReJITWithInliners)(struct clr_info *, uint32_t flags, uint32_t n, clr_module_id *,
                                                uint32_t *tokens);
        clr_hresult (*SuspendRuntime)(struct clr_info *);
        clr_hresult (*ResumeRuntime)(struct clr_info *);
        /* ICorProfilerInfo11 */
        void *GetEnvironmentVariable, *SetEnvironmentVariable;
        /* ICorProfilerInfo12 */
        void *EventPipeStartSession, *EventPipeAddProviderToSession, *EventPipeStopSession, *EventPipeCreateProvider;
        void *EventPipeGetProviderInfo, *EventPipeDefineEvent, *EventPipeWriteEvent;
    } * vt;
} clr_info;
extern const clr_guid clr_iid_info10, clr_iid_info12, clr_iid_info13;

/* ICorProfilerInfo13: handles that the garbage collector knows. */
#define CLR_HANDLE_STRONG 2
typedef struct clr_handles {
    const struct clr_handles_slots {
        struct clr_info_slots before;
        clr_hresult (*CreateHandle)(struct clr_handles *, uintptr_t object, int32_t type, uintptr_t *handle);
        clr_hresult (*DestroyHandle)(struct clr_handles *, uintptr_t handle);
        void *GetObjectIDFromHandle;
    } * vt;
} clr_handles;

/* IMetaDataEmit, IMetaDataEmit2. Names are UTF-16 with a NUL at the end. */
typedef struct clr_emit {
    const struct clr_emit_slots {
        struct clr_unknown_slots unknown;
        void *SetModuleProps, *Save, *SaveToStream, *GetSaveSize;
        clr_hresult (*DefineTypeDef)(struct clr_emit *, const uint16_t *name, uint32_t flags, uint32_t extends,
                                     const uint32_t *implements, uint32_t *token);
        void *DefineNestedType, *SetHandler;
        clr_hresult (*DefineMethod)(struct clr_emit *, uint32_t type, const uint16_t *name, uint32_t flags,
                                    const uint8_t *sig, uint32_t size, uint32_t rva, uint32_t impl_flags,
                                    uint32_t *token);
        void *DefineMethodImpl;
        clr_hresult (*DefineTypeRefByName)(struct clr_emit *, uint32_t scope, const uint16_t *name, uint32_t *token);
        void *DefineImportType;
        clr_hresult (*DefineMemberRef)(struct clr_emit *, uint32_t parent, const uint16_t *name, const uint8_t *sig,
                                       uint32_t size, uint32_t *token);
        void *DefineImportMember, *DefineEvent, *SetClassLayout, *DeleteClassLayout;
        void *SetFieldMarshal, *DeleteFieldMarshal, *DefinePermissionSet, *SetRVA;
        clr_hresult (*GetTokenFromSig)(struct clr_emit *, const uint8_t *sig, uint32_t size, uint32_t *token);
        clr_hresult (*DefineModuleRef)(struct clr_emit *, const uint16_t *name, uint32_t *token);
        void *SetParent;
        clr_hresult (*GetTokenFromTypeSpec)(struct clr_emit *, const uint8_t *sig, uint32_t size, uint32_t *token);
        void *SaveToMemory;
        clr_hresult (*DefineUserString)(struct clr_emit *, const uint16_t *text, uint32_t units, uint32_t *token);
        void *DeleteToken, *SetMethodProps, *SetTypeDefProps, *SetEventProps, *SetPermissionSetProps;
        void *DefinePinvokeMap, *SetPinvokeMap, *DeletePinvokeMap;
        clr_hresult (*DefineCustomAttribute)(struct clr_emit *, uint32_t owner, uint32_t constructor, const void *value,
                                             uint32_t size, uint32_t *token);
        void *SetCustomAttributeValue, *DefineField, *DefineProperty, *DefineParam, *SetFieldProps, *SetPropertyProps;
        void *SetParamProps, *DefineSecurityAttributeSet, *ApplyEditAndContinue, *TranslateSigWithScope;
        void *SetMethodImplFlags, *SetFieldRVA, *Merge, *MergeEnd;
        /* IMetaDataEmit2 */
        clr_hresult (*DefineMethodSpec)(struct clr_emit *, uint32_t method, const uint8_t *sig, uint32_t size,
                                        uint32_t *token);
    } * vt;
} clr_emit;
/* IMetaDataEmit2. */
extern const clr_guid clr_iid_emit;

/* IMetaDataTables: metadata cell by cell. */
typedef struct clr_tables {
    const struct clr_tables_slots {
        struct clr_unknown_slots unknown;
        void *GetStringHeapSize, *GetBlobHeapSize, *GetGuidHeapSize, *GetUserStringHeapSize;
        void *GetNumTables, *GetTableIndex;
        clr_hresult (*GetTableInfo)(struct clr_tables *, uint32_t table, uint32_t *row_size, uint32_t *rows,
                                    uint32_t *columns, uint32_t *key, const char **name);
        void *GetColumnInfo, *GetCodedTokenInfo, *GetRow;
        clr_hresult (*GetColumn)(struct clr_tables *, uint32_t table, uint32_t column, uint32_t row, uint32_t *);
        clr_hresult (*GetString)(struct clr_tables *, uint32_t at, const char **);
        clr_hresult (*GetBlob)(struct clr_tables *, uint32_t at, uint32_t *size, const void **);
        void *GetGuid, *GetUserString, *GetNextString, *GetNextBlob, *GetNextGuid, *GetNextUserString;
    } * vt;
} clr_tables;
extern const clr_guid clr_iid_tables;

/* ASSEMBLYMETADATA. */
typedef struct clr_assembly_props {
    uint16_t version[4]; /* major, minor, build, revision */
    uint16_t *locale;
    uint32_t locale_units;
    uint32_t *processors;
    uint32_t processor_count;
    void *systems;
    uint32_t system_count;
} clr_assembly_props;

/* IMetaDataAssemblyEmit. */
typedef struct clr_assembly_emit {
    const struct clr_assembly_emit_slots {
        struct clr_unknown_slots unknown;
        void *DefineAssembly;
        clr_hresult (*DefineAssemblyRef)(struct clr_assembly_emit *, const void *public_key, uint32_t key_size,
                                         const uint16_t *name, const clr_assembly_props *, const void *hash,
                                         uint32_t hash_size, uint32_t flags, uint32_t *token);
    } * vt;
} clr_assembly_emit;
extern const clr_guid clr_iid_assembly_emit;

/* IMethodMalloc: memory for the IL of one module. */
typedef struct clr_il_memory {
    const struct clr_il_memory_slots {
        struct clr_unknown_slots unknown;
        void *(*Alloc)(struct clr_il_memory *, uint32_t size);
    } * vt;
} clr_il_memory;

/* ---- what we implement: ICorProfilerCallback .. ICorProfilerCallback9, as slot numbers of one table ---- */
enum clr_callback_slot {
    CLR_CB_FIRST = 3,
    CLR_CB_Initialize = 3,
    CLR_CB_Shutdown = 4,
    CLR_CB_AssemblyUnloadStarted = 11,
    CLR_CB_ModuleLoadStarted = 13,
    CLR_CB_ModuleLoadFinished = 14,
    CLR_CB_ModuleUnloadStarted = 15,
    CLR_CB_JITCompilationStarted = 23,
    CLR_CB_JITCompilationFinished = 24,
    CLR_CB_JITInlining = 28,
    CLR_CB_ExceptionThrown = 54,
    CLR_CB_InitializeForAttach = 80,
    CLR_CB_ProfilerAttachComplete = 81,
    CLR_CB_ReJITCompilationStarted = 83,
    CLR_CB_GetReJITParameters = 84,
    CLR_CB_ReJITCompilationFinished = 85,
    CLR_CB_ReJITError = 86,
    CLR_CB_DynamicMethodJITCompilationStarted = 92,
    CLR_CB_DynamicMethodUnloaded = 94,
    CLR_CB_SLOTS = 95,
};
/* Is this IID one of IUnknown, ICorProfilerCallback .. ICorProfilerCallback9? Others must be refused: the runtime calls
 * what it is promised. */
bool clr_is_callback_iid(const clr_guid *iid);
extern const clr_guid clr_iid_unknown, clr_iid_class_factory;

#endif
