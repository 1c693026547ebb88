using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Protocol;

namespace Kinds;

/// <summary>Calls from and into native code, and through pointers.</summary>
public static unsafe partial class Native
{
    private static Count s_compared;
    private static Count s_comparedByDelegate;
    private static Count s_started;
    private static Count s_threw;
    private static Count s_pointed;
    private static Count s_length;
    private static Count s_resolved;
    private static bool s_resolving;
    private static readonly Comparison ByDelegate = CompareByDelegate;

    private delegate int Comparison(int* left, int* right);

    public static void Register(Scenarios scenarios)
    {
        scenarios.AddOnly("FromManaged", words => Count.Of(ref s_compared, () => CompareFromManaged(words.Int(0, 10))));
        scenarios.AddOnly("FromNative", words => Count.Of(ref s_compared, () => Sort(words.Int(0, 100), &Compare)));
        scenarios.AddOnly("FromNativeThread", words => Count.Of(ref s_started, () => StartThreads(words.Int(0, 4))));
        scenarios.AddOnly("FromNativeCatching", words => Count.Of(ref s_threw, () => Sort(words.Int(0, 20), &CompareCatching)));
        scenarios.AddOnly("FromNativeByDelegate", words => Count.Of(ref s_comparedByDelegate, () => SortByDelegate(words.Int(0, 100))));
        scenarios.AddOnly("FunctionPointer", words => Count.Of(ref s_pointed, () => Point(&Pointed, words.Int(0, 10))));
        scenarios.AddOnly("PInvoke", words => Ids(words.Int(0, 10)));
        scenarios.AddOnly("LibraryImport", words => Count.Of(ref s_length, () => Lengths(words.Int(0, 10))));
        scenarios.AddOnly("ImportResolver", words => Count.Of(ref s_resolved, () => Resolve(words.Int(0))));
    }

    /// <summary>Entered by qsort: the thread is in preemptive mode until the runtime's own prolog has run.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    public static int Compare(int* left, int* right)
    {
        s_compared.Add();
        return (*left).CompareTo(*right);
    }

    /// <summary>An exception in it that it catches, with strings on the way.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    public static int CompareCatching(int* left, int* right)
    {
        s_threw.Add();
        try
        {
            throw new InvalidOperationException($"{*left} {*right}");
        }
        catch (InvalidOperationException error) when (error.Message.Length > 0)
        {
            GC.KeepAlive(new byte[100]);
            return (*left).CompareTo(*right);
        }
    }

    /// <summary>The first managed code on a thread that native code has started.</summary>
    [UnmanagedCallersOnly]
    public static void* Begin(void* argument)
    {
        s_started.Add();
        return argument;
    }

    public static int CompareByDelegate(int* left, int* right)
    {
        s_comparedByDelegate.Add();
        return (*left).CompareTo(*right);
    }

    public static int Pointed(int value, string text)
    {
        s_pointed.Add();
        return value + text.Length;
    }

    public static nuint LengthOf(string text)
    {
        s_length.Add();
        return Length(text);
    }

    private static void CompareFromManaged(int times)
    {
        delegate* unmanaged[Cdecl]<int*, int*, int> compare = &Compare;
        for (var i = 0; i < times; i++)
        {
            var j = i + 1;
            compare(&i, &j);
        }
    }

    private static int[] Numbers(int count)
    {
        var numbers = new int[count];
        for (var i = 0; i < count; i++)
        {
            numbers[i] = (i * 7919) % count;
        }

        return numbers;
    }

    private static void Sort(int count, delegate* unmanaged[Cdecl]<int*, int*, int> compare)
    {
        fixed (int* first = Numbers(count))
        {
            QuickSort(first, (nuint)count, sizeof(int), compare);
            Check(first, count);
        }
    }

    private static void SortByDelegate(int count)
    {
        fixed (int* first = Numbers(count))
        {
            QuickSort(first, (nuint)count, sizeof(int),
                (delegate* unmanaged[Cdecl]<int*, int*, int>)Marshal.GetFunctionPointerForDelegate(ByDelegate));
            Check(first, count);
        }
    }

    private static void Check(int* first, int count)
    {
        for (var i = 1; i < count; i++)
        {
            if (first[i - 1] > first[i])
            {
                throw new InvalidOperationException("not sorted");
            }
        }
    }

    private static void StartThreads(int count)
    {
        for (var i = 0; i < count; i++)
        {
            nint thread;
            void* result;
            if (ThreadCreate(&thread, null, &Begin, (void*)(i + 1)) != 0 || ThreadJoin(thread, &result) != 0 || (nint)result != i + 1)
            {
                throw new InvalidOperationException("no thread");
            }
        }
    }

    private static void Point(delegate*<int, string, int> pointed, int times)
    {
        for (var i = 0; i < times; i++)
        {
            pointed(i, "text");
        }
    }

    private static long Ids(int times)
    {
        long calls = 0;
        for (var i = 0; i < times; i++)
        {
            calls += GetPid() == Environment.ProcessId ? 1 : 0;
        }

        return calls;
    }

    private static void Lengths(int times)
    {
        for (var i = 0; i < times; i++)
        {
            LengthOf("text");
        }
    }

    /// <summary>The runtime asks where a library is when the first of its functions is called.</summary>
    private static void Resolve(int number)
    {
        if (!s_resolving)
        {
            s_resolving = true;
            NativeLibrary.SetDllImportResolver(typeof(Native).Assembly, Resolved);
        }

        try
        {
            _ = number == 0 ? NeverThere() : GetPid();
        }
        catch (DllNotFoundException)
        {
        }
    }

    private static nint Resolved(string name, System.Reflection.Assembly assembly, DllImportSearchPath? path)
    {
        s_resolved.Add();
        return 0;
    }

    [DllImport("libc", EntryPoint = "qsort")]
    private static extern void QuickSort(void* first, nuint count, nuint size, delegate* unmanaged[Cdecl]<int*, int*, int> compare);

    [DllImport("libc", EntryPoint = "pthread_create")]
    private static extern int ThreadCreate(nint* thread, void* attributes, delegate* unmanaged<void*, void*> begin, void* argument);

    [DllImport("libc", EntryPoint = "pthread_join")]
    private static extern int ThreadJoin(nint thread, void** result);

    [DllImport("libc", EntryPoint = "getpid")]
    private static extern int GetPid();

    [DllImport("never-there", EntryPoint = "never")]
    private static extern int NeverThere();

    [LibraryImport("libc", EntryPoint = "strlen", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nuint Length(string text);
}
