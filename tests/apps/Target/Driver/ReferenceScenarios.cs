using Protocol;
using Target;

namespace Driver;

internal static unsafe class ReferenceScenarios
{
    private static readonly int[] Five = [1, 2, 3, 4, 5];

    public static void Register(Scenarios scenarios)
    {
        References(scenarios);
        Returns(scenarios);
        Pointers(scenarios);
        scenarios.Add("Native.ProcessId", _ => Native.ProcessId());
        scenarios.Add("Native.Compare", words => Native.Compare(words.Int(0, 1), words.Int(1, 2)));
    }

    private static void References(Scenarios scenarios)
    {
        scenarios.Add("References.Ref", words => Ref(words.Int(0, 21)));
        scenarios.Add("References.RefString", words => RefString(Samples.Text(words.Text(0, "text"))));
        scenarios.Add("References.RefPoint", _ => RefPoint());
        scenarios.Add("References.In", words => Target.References.In(words.Parse(0, 41L)));
        scenarios.Add("References.Out", words => Out(words.Int(0, 4)));
        scenarios.Add("References.TryOut", words => Target.References.TryOut(words.Text(0, "12"), out var value) ? value : -1);
        scenarios.Add("References.Volatile", _ => Volatile());
    }

    private static void Returns(Scenarios scenarios)
    {
        scenarios.Add("References.ByRefReturn", words => Target.References.ByRefReturn(words.Int(0, 1)));
        scenarios.Add("References.ReadOnlyRefReturn", words => Target.References.ReadOnlyRefReturn(Five, words.Int(0, 1)));
        scenarios.Add("References.FirstOf", _ => Target.References.FirstOf(["first", "second"]));
        scenarios.Add("References.RefStruct", words => Target.References.RefStruct(new Window { Seen = Five }, words.Int(0, 2)).Offset);
        scenarios.Add("References.RefLocal", words => Target.References.RefLocal(words.Int(0, 7)));
    }

    private static void Pointers(Scenarios scenarios)
    {
        scenarios.Add("References.Pointer", words => Pointer(words.Int(0, 77)));
        scenarios.Add("References.PointerBack", _ => PointerBack());
        scenarios.Add("References.Fixed", _ => Target.References.Fixed([1, 2, 3]));
        scenarios.Add("References.StackAlloc", words => Target.References.StackAlloc(words.Int(0, 10)));
        scenarios.Add("References.FunctionPointer", words => Target.References.FunctionPointer(&Target.References.Twice, words.Int(0, 5)),
            new Calls("References.Twice", 1));
        scenarios.Add("References.UnmanagedFunctionPointer",
            words => Target.References.UnmanagedFunctionPointer(&Target.References.ThriceUnmanaged, words.Int(0, 5)),
            new Calls("References.ThriceUnmanaged", 1));
    }

    private static int Ref(int value)
    {
        Target.References.Ref(ref value);
        return value;
    }

    private static string? RefString(string? value)
    {
        Target.References.RefString(ref value);
        return value;
    }

    private static string RefPoint()
    {
        var point = new Point { X = 1, Y = 2 };
        Target.References.RefPoint(ref point);
        return point.ToString();
    }

    private static string Out(int value)
    {
        Target.References.Out(value, out var doubled, out var text);
        return $"{doubled} {text}";
    }

    private static nuint Volatile()
    {
        nuint value = 8;
        return Target.References.Volatile(ref value) + value;
    }

    private static int Pointer(int value) => Target.References.Pointer(&value, null);

    private static int PointerBack()
    {
        var two = stackalloc int[] { 1, 2 };
        return *Target.References.PointerBack(two);
    }
}
