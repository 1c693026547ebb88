using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Target;

public ref struct Window
{
    public Span<int> Seen;
    public int Offset;
}

/// <summary>What is passed by reference, by pointer, or can live on the stack only.</summary>
public static unsafe class References
{
    private static readonly int[] Store = [10, 20, 30, 40];

    public static void Ref(ref int value) => value *= 2;

    public static void RefString(ref string? value) => value += "!";

    public static void RefPoint(ref Point value) => value.Move(1, 1);

    public static long In(in long value) => value + 1;

    public static void Out(int value, out int doubled, out string text)
    {
        doubled = value * 2;
        text = $"{value}";
    }

    public static bool TryOut(string text, out int value) => int.TryParse(text, out value);

    public static ref int ByRefReturn(int index) => ref Store[index];

    public static ref readonly int ReadOnlyRefReturn(int[] values, int index) => ref values[index];

    public static ref T FirstOf<T>(T[] values) => ref values[0];

    public static Window RefStruct(Window window, int by) => new() { Seen = window.Seen[by..], Offset = window.Offset + by };

    public static int RefLocal(int by)
    {
        ref var third = ref Store[2];
        third += by;
        return Interlocked.Exchange(ref third, 30);
    }

    public static int Pointer(int* value, void* nothing) => *value + (nothing == null ? 0 : 1);

    public static int* PointerBack(int* value) => value + 1;

    public static byte Fixed(byte[] bytes)
    {
        fixed (byte* first = bytes)
        {
            return first[bytes.Length - 1];
        }
    }

    public static int StackAlloc(int count)
    {
        var numbers = stackalloc int[count];
        for (var i = 0; i < count; i++)
        {
            numbers[i] = i;
        }

        return Sum(new Span<int>(numbers, count));
    }

    public static int FunctionPointer(delegate*<int, int> function, int value) => function(value);

    public static int UnmanagedFunctionPointer(delegate* unmanaged<int, int> function, int value) => function(value);

    public static int Twice(int value) => value * 2;

    [UnmanagedCallersOnly]
    public static int ThriceUnmanaged(int value) => value * 3;

    public static nuint Volatile(ref nuint value)
    {
        var before = System.Threading.Volatile.Read(ref value);
        System.Threading.Volatile.Write(ref value, before + 1);
        return Unsafe.ReadUnaligned<nuint>(ref Unsafe.As<nuint, byte>(ref value));
    }

    private static int Sum(Span<int> numbers)
    {
        var sum = 0;
        foreach (ref readonly var number in numbers)
        {
            sum += number;
        }

        return sum;
    }
}

/// <summary>Calls into native code.</summary>
public static partial class Native
{
    public static int ProcessId() => GetPid();

    public static int Compare(int left, int right) => Math.Sign(CompareStrings($"{left:D8}", $"{right:D8}"));

    [DllImport("libc", EntryPoint = "getpid")]
    private static extern int GetPid();

    [LibraryImport("libc", EntryPoint = "strcmp", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CompareStrings(string left, string right);
}
