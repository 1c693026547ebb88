using System.Runtime.CompilerServices;

namespace Bench;

/// <summary>One loop for each body, compiled to the last tier by being run often before it is timed.</summary>
internal static class Loops
{
    public static readonly Dictionary<string, Func<int, long>> ByName = new(StringComparer.Ordinal)
    {
        ["none"] = None,
        ["ints"] = TwoInts,
        ["text"] = Text,
        ["hand-none"] = HandNone,
        ["hand-ints"] = HandTwoInts,
        ["hand-text"] = HandText,
        ["clock"] = Clock,
        ["empty"] = Empty,
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long None(int times)
    {
        long sum = 0;
        for (var i = 0; i < times; i++)
        {
            sum += Bodies.None();
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long TwoInts(int times)
    {
        long sum = 0;
        for (var i = 0; i < times; i++)
        {
            sum += Bodies.TwoInts(i, 1);
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Text(int times)
    {
        long sum = 0;
        for (var i = 0; i < times; i++)
        {
            sum += Bodies.Text("a text of some length");
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long HandNone(int times)
    {
        long sum = 0;
        for (var i = 0; i < times; i++)
        {
            sum += ByHand.None();
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long HandTwoInts(int times)
    {
        long sum = 0;
        for (var i = 0; i < times; i++)
        {
            sum += ByHand.TwoInts(i, 1);
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long HandText(int times)
    {
        long sum = 0;
        for (var i = 0; i < times; i++)
        {
            sum += ByHand.Text("a text of some length");
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Clock(int times)
    {
        long sum = 0;
        for (var i = 0; i < times; i++)
        {
            sum += Clocks.TwoTimestamps();
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Empty(int times)
    {
        long sum = 0;
        for (var i = 0; i < times; i++)
        {
            sum += i ^ sum;
        }

        return sum;
    }
}
