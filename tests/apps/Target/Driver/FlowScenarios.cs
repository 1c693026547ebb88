using Protocol;
using Target;

namespace Driver;

internal static class FlowScenarios
{
    public static void Register(Scenarios scenarios)
    {
        Throws(scenarios);
        Handlers(scenarios);
        Faults(scenarios);
        Branches(scenarios);
        Recursion(scenarios);
    }

    private static object? Done(Action action)
    {
        action();
        return null;
    }

    private static void Throws(Scenarios scenarios)
    {
        scenarios.Add("Flow.Throw", words => Flow.Throw(words.Text(0, "thrown")));
        scenarios.Add("Flow.ThrowCoded", words => Done(() => Flow.ThrowCoded(words.Int(0, 7))));
        scenarios.Add("Flow.ThrowGeneric", words => Done(() => Flow.ThrowGeneric(words.Text(0, "cats"))));
        scenarios.Add("Flow.ThrowSilent", _ => Silenced());
        scenarios.Add("Flow.ThrowNested", words => Done(() => Flow.ThrowNested(words.Text(0, "inner"))), new Calls("Flow.Throw", 1));
        scenarios.Add("Flow.ThrowIfOdd", words => Flow.ThrowIfOdd(words.Int(0, 3)));
        scenarios.Add("Flow.ThroughFrames", words => Flow.ThroughFrames(3), new Calls("Flow.ThroughFrames", 3), new Calls("Flow.Throw", 1));
    }

    private static void Handlers(Scenarios scenarios)
    {
        scenarios.Add("Flow.Catch", words => Flow.Catch(words.Text(0, "caught")), new Calls("Flow.Throw", 1));
        scenarios.Add("Flow.Rethrow", words => Done(() => Flow.Rethrow(words.Text(0, "again"))), new Calls("Flow.Throw", 1));
        scenarios.Add("Flow.Filter", words => Flow.Filter(words.Int(0, 2)), new Calls("Flow.ThrowCoded", 1));
        scenarios.Add("Flow.Finally", words => Flow.Finally(words.Int(0, 1)));
        scenarios.Add("Flow.FinallyThrows", words => Flow.FinallyThrows(words.Int(0, -5)));
        scenarios.Add("Flow.Nested", words => Flow.Nested(words.Int(0, 3)), new Calls("Flow.ThrowCoded", 1), new Calls("Flow.ThrowIfOdd", 1));
        scenarios.Add("Flow.Using", words => Flow.Using(words.Int(0, 1)));
        scenarios.Add("Flow.Lock", words => Flow.Lock(scenarios, words.Int(0, 1)));
        scenarios.Add("Flow.Finallys", _ => Flow.Finallys);
    }

    private static void Faults(Scenarios scenarios)
    {
        scenarios.Add("Flow.DivideByZero", words => Flow.DivideByZero(1, words.Int(0)));
        scenarios.Add("Flow.NullReference", _ => Flow.NullReference(null));
        scenarios.Add("Flow.OutOfRange", _ => Flow.OutOfRange([1], 2));
        scenarios.Add("Flow.Cast", _ => Flow.Cast(1));
        scenarios.Add("Flow.Overflow", words => Flow.Overflow(words.Int(0, int.MaxValue)));
    }

    private static void Branches(Scenarios scenarios)
    {
        scenarios.Add("Flow.Switch", words => Flow.Switch(words.Int(0, 3)));
        scenarios.Add("Flow.SwitchOnText", words => Flow.SwitchOnText(words.Text(0, "cyan")));
        scenarios.Add("Flow.ManyReturns", words => Flow.ManyReturns(words.Int(0, 5)));
    }

    private static void Recursion(Scenarios scenarios)
    {
        scenarios.Add("Flow.Factorial", _ => Flow.Factorial(5), new Calls("Flow.Factorial", 4));
        scenarios.Add("Flow.TailSum", _ => Flow.TailSum(100, 0), new Calls("Flow.TailSum", 100));
        scenarios.Add("Flow.IsEven", _ => Flow.IsEven(10), new Calls("Flow.IsEven", 5), new Calls("Flow.IsOdd", 5));
    }

    /// <summary>This exception cannot even be printed.</summary>
    private static string Silenced()
    {
        try
        {
            Flow.ThrowSilent();
            return "not reached";
        }
        catch (SilentException)
        {
            return "silent";
        }
    }
}
