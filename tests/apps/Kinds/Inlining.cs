using System.Text;
using Protocol;

namespace Kinds;

/// <summary>Small methods that the JIT puts into their callers, several deep; N calls of each.</summary>
public static class Inlining
{
    private static readonly Dictionary<string, int> Table = new() { ["one"] = 1, ["two"] = 2 };
    private static long s_sink;

    public static void Register(Scenarios scenarios)
    {
        scenarios.AddOnly("Chain", words => Chain(words.Int(0, 1000)));
        scenarios.AddOnly("Lists", words => Lists(words.Int(0, 1000)));
        scenarios.AddOnly("Tables", words => Tables(words.Int(0, 1000)));
        scenarios.AddOnly("Strings", words => Strings(words.Int(0, 1000)));
        scenarios.AddOnly("Builders", words => Builders(words.Int(0, 1000)));
        scenarios.AddOnly("Maybes", words => Maybes(words.Int(0, 1000)));
    }

    public static int Innermost(int value) => value ^ 3;

    public static int Inner(int value) => Innermost(value) + 1;

    public static int Middle(int value) => Inner(value) * 2;

    public static int Outer(int value) => Middle(value) - 1;

    /// <summary>All four are inlined into the loop.</summary>
    private static int Chain(int times)
    {
        long sum = 0;
        for (var i = 0; i < times; i++)
        {
            sum += Outer(i);
        }

        s_sink += sum;
        return times;
    }

    private static int Lists(int times)
    {
        var list = new List<int>(times);
        for (var i = 0; i < times; i++)
        {
            list.Add(i);
        }

        return list.Count;
    }

    private static int Tables(int times)
    {
        for (var i = 0; i < times; i++)
        {
            s_sink += Table.TryGetValue("one", out var value) ? value : 0;
        }

        return times;
    }

    private static int Strings(int times)
    {
        var text = times > 0 ? "one" : "two";
        for (var i = 0; i < times; i++)
        {
            s_sink += string.Concat(text, "two").Length;
        }

        return times;
    }

    private static int Builders(int times)
    {
        var builder = new StringBuilder(times);
        for (var i = 0; i < times; i++)
        {
            builder.Append('x');
        }

        return builder.Length;
    }

    private static int Maybes(int times)
    {
        int? maybe = times > 0 ? 1 : null;
        for (var i = 0; i < times; i++)
        {
            s_sink += maybe.HasValue ? 1 : 0;
        }

        return times;
    }
}
