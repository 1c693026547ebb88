using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Bench;

/// <summary>What is measured bare, and with a probe in it.</summary>
public static class Bodies
{
    private static int s_state = 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int None() => s_state;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int TwoInts(int left, int right) => left + right;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Text(string text) => text.Length;
}

/// <summary>The same bodies with what a careful engineer would write by hand: two timestamps and a ring of this thread.</summary>
public static class ByHand
{
    private static int s_state = 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int None()
    {
        var began = Stopwatch.GetTimestamp();
        var result = s_state;
        Ring.Mine.Put(began, Stopwatch.GetTimestamp(), 0, 0);
        return result;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int TwoInts(int left, int right)
    {
        var began = Stopwatch.GetTimestamp();
        var result = left + right;
        Ring.Mine.Put(began, Stopwatch.GetTimestamp(), left, right);
        return result;
    }

    /// <summary>Keeps the length only: a copy of the characters would cost more.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Text(string text)
    {
        var began = Stopwatch.GetTimestamp();
        var result = text.Length;
        Ring.Mine.Put(began, Stopwatch.GetTimestamp(), text.Length, 0);
        return result;
    }
}

/// <summary>One probe-free timestamp pair, to know what the clock itself costs.</summary>
public static class Clocks
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static long TwoTimestamps() => Stopwatch.GetTimestamp() - Stopwatch.GetTimestamp();
}

public sealed class Ring
{
    private const int Size = 1 << 14;

    [ThreadStatic]
    private static Ring? s_mine;

    private readonly Record[] _records = new Record[Size];
    private uint _next;

    public static Ring Mine => s_mine ??= new Ring();

    public void Put(long began, long ended, long first, long second)
    {
        ref var record = ref _records[_next++ & (Size - 1)];
        record.Began = began;
        record.Ended = ended;
        record.First = first;
        record.Second = second;
    }

    private struct Record
    {
        public long Began;
        public long Ended;
        public long First;
        public long Second;
    }
}
