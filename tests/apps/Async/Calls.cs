using System.Runtime.CompilerServices;

namespace Async;

/// <summary>The methods whose calls are followed.</summary>
public static class Calls
{
    public static async Task Plain(int value)
    {
        await Task.Yield();
        Check(value);
    }

    public static async Task<int> Number(int value)
    {
        await Task.Yield();
        return value;
    }

    public static async Task<int> Configured(int value)
    {
        await Task.Delay(1).ConfigureAwait(false);
        return value;
    }

    public static async Task<int> Complete(int value)
    {
        await Task.CompletedTask;
        return value;
    }

    public static async ValueTask<int> Value(int value)
    {
        await Task.Yield();
        return value;
    }

    public static async ValueTask ValuePlain(int value)
    {
        await Task.Yield();
        Check(value);
    }

    public static async ValueTask<int> ValueComplete(int value)
    {
        await ValueTask.CompletedTask;
        return value;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public static async ValueTask<int> Pooled(int value)
    {
        await Task.Yield();
        return value;
    }

    public static async void Nothing(CountdownEvent done)
    {
        await Task.Yield();
        done.Signal();
    }

    public static async void NothingComplete(CountdownEvent done)
    {
        await Task.CompletedTask;
        done.Signal();
    }

    public static async Task<int> Nested(int depth)
    {
        if (depth == 0)
        {
            await Task.Yield();
            return 0;
        }

        return 1 + await Nested(depth - 1);
    }

    public static async Task<int> Fails(int value)
    {
        await Task.Yield();
        Check(value);
        throw new InvalidOperationException("failed");
    }

    public static async Task<int> FailsAtOnce(int value)
    {
        await Task.CompletedTask;
        Check(value);
        throw new InvalidOperationException("at once");
    }

    public static async Task<int> Cancelled(CancellationToken cancel)
    {
        await Task.Delay(Timeout.Infinite, cancel);
        return 0;
    }

    public static async Task<T> Echo<T>(T value)
    {
        await Task.Yield();
        return value;
    }

    public static async Task<string> Text(string left, int value)
    {
        await Task.Yield();
        return $"{left}{value}";
    }

    public static async Task<int> Inside(int value)
    {
        await default(AtOnce);
        return value;
    }

    public static async Task<int> InsideTwice(int value)
    {
        await default(AtOnce);
        await Task.Yield();
        await default(AtOnce);
        return value;
    }

    public static async Task<int> InsideFails(int value)
    {
        await default(AtOnce);
        Check(value);
        throw new InvalidOperationException("inside");
    }

    public static async Task<string> Beside(int value)
    {
        await default(Elsewhere);
        return $"beside {value}";
    }

    public static async Task<int> Waits(Task gate, int value)
    {
        await gate;
        return value;
    }

    public static async Task<long> Loops(int rounds)
    {
        long sum = 0;
        for (var i = 0; i < rounds; i++)
        {
            await Task.Yield();
            sum += await Complete(i);
        }

        return sum;
    }

    public static async Task<int> Sleeps(int milliseconds)
    {
        await Task.Delay(milliseconds);
        return milliseconds;
    }

    private static void Check(int value)
    {
        if (value < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(value));
        }
    }
}

/// <summary>The same in a generic type, with state of its own.</summary>
public sealed class Box<T>(T content)
{
    public async Task<(T Content, TOther Other)> With<TOther>(TOther other)
    {
        await Task.Yield();
        return (content, other);
    }
}
