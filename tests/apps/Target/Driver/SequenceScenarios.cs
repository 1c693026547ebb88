using Protocol;
using Target;

namespace Driver;

internal static class SequenceScenarios
{
    public static void Register(Scenarios scenarios)
    {
        scenarios.Add("Sequences.CountTo", words => Sequences.CountTo(words.Int(0, 3)).Sum());
        scenarios.Add("Sequences.CountSlowlyTo", words => SumAsync(words.Int(0, 3)).Result);
        scenarios.Add("Sequences.DoAsync", _ => Sequences.DoAsync());
        scenarios.Add("Sequences.AddAsync", words => Sequences.AddAsync(words.Int(0, 2), words.Int(1, 3)).GetAwaiter().GetResult());
        scenarios.Add("Sequences.AddAtOnceAsync", words => Sequences.AddAtOnceAsync(words.Int(0, 2), words.Int(1, 3)).GetAwaiter().GetResult());
        scenarios.Add("Sequences.JoinAsync", words => Sequences.JoinAsync(words.Text(0, "a"), words.Text(1, "b")).AsTask().GetAwaiter().GetResult());
        scenarios.Add("Sequences.PooledAsync", words => Sequences.PooledAsync(words.Int(0, 5)).AsTask().GetAwaiter().GetResult());
        scenarios.Add("Sequences.FailAsync", words => Sequences.FailAsync(words.Text(0, "failed")).GetAwaiter().GetResult());
        scenarios.Add("Sequences.CatchingAsync", words => Sequences.CatchingAsync(words.Text(0, "caught")).GetAwaiter().GetResult(),
            new Calls("Sequences.FailAsync", 1));
        scenarios.Add("Sequences.NestedAsync", words => Sequences.NestedAsync(3).GetAwaiter().GetResult(), new Calls("Sequences.NestedAsync", 3));
        scenarios.Add("Sequences.FireAndForget", words => Fire(words.Int(0, 6)));
        scenarios.Add("Sequences.Lambda", words => Sequences.Lambda(words.Int(0, 4)));
        scenarios.Add("Sequences.LocalFunction", words => Sequences.LocalFunction(words.Int(0, 10)));
        scenarios.Add("Sequences.Query", _ => Sequences.Query([1, 2, 3, 4]));
    }

    private static async Task<int> SumAsync(int last)
    {
        var sum = 0;
        await foreach (var number in Sequences.CountSlowlyTo(last))
        {
            sum += number;
        }

        return sum;
    }

    private static int Fire(int value)
    {
        var done = new TaskCompletionSource<int>();
        Sequences.FireAndForget(done, value);
        return done.Task.GetAwaiter().GetResult();
    }
}
