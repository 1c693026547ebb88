using System.Runtime.CompilerServices;

namespace Debuggee;

/// <summary>
/// What a debugger steps through. A test finds the lines by the words behind the @ in their comments.
/// </summary>
public static class Orders
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Price(int quantity, string name)
    {
        var unit = UnitOf(name); // @price-first
        var total = 0; // @price-total
        for (var i = 0; i < quantity; i++) // @price-for
        {
            total += unit; // @price-add
        }

        var text = $"{name} {total}"; // @price-text
        return total + text.Length; // @price-return
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int UnitOf(string name)
    {
        var length = name.Length; // @unit-first
        return length * 10; // @unit-return
    }

    /// <summary>Several ways out: each step must lead to the caller and to no line of another way.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Grade(int points)
    {
        if (points > 90) // @grade-first
        {
            return "excellent"; // @grade-excellent
        }

        if (points > 50) // @grade-second
        {
            return "good"; // @grade-good
        }

        return "poor"; // @grade-poor
    }

    /// <summary>An exception passes through the instrumented frame while somebody steps.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Careful(int divisor)
    {
        try
        {
            return Divide(100, divisor); // @careful-try
        }
        catch (DivideByZeroException)
        {
            return -1; // @careful-catch
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Divide(int dividend, int divisor)
    {
        return dividend / divisor; // @divide
    }

    /// <summary>Nothing stands before the loop: its head is the first instruction of the method in a Release build.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Countdown(int from)
    {
        do
        {
            from = Less(from); // @countdown-head
        }
        while (from > 0);
        return from; // @countdown-return
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Less(int value)
    {
        return value - 1; // @less
    }
}
