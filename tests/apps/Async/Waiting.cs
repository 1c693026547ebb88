using System.Runtime.CompilerServices;

namespace Async;

/// <summary>Chains of awaiting methods, each kind of continuation that may stand between two of them.</summary>
public static class Waiting
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Leaf(int value) => value + 1;

    private static int turns;

    /// <summary>Goes on from a thread pool's loop, and calls Leaf there; every eighth time it need not wait.</summary>
    public static async Task<int> Bottom(int value)
    {
        await Task.Delay(Interlocked.Increment(ref turns) % 8 == 0 ? 0 : 1);
        return Leaf(value); // @bottom
    }

    public static async Task<int> Plain(int value)
    {
        var first = await Task.FromResult(value);
        return await Bottom(first) + 1; // @plain
    }

    public static async Task<int> Configured(int value)
    {
        await Task.Yield();
        await Task.Yield();
        return await Plain(value).ConfigureAwait(false) + 1; // @configured
    }

    /// <summary>The await in a finally clause, behind others in a try and a catch clause.</summary>
    public static async Task<int> Guarded(int value)
    {
        var result = 0;
        try
        {
            await Task.Yield();
            throw new InvalidOperationException("guarded");
        }
        catch (InvalidOperationException)
        {
            await Task.Yield();
        }
        finally
        {
            result = await Configured(value); // @guarded
        }

        return result;
    }

    public static async ValueTask<int> Valued(int value)
    {
        await Task.Yield();
        return await Guarded(value); // @valued
    }

    public static async Task<T> Generic<T>(T value)
    {
        await Task.Yield();
        await Valued(1); // @generic
        return value;
    }

    public static async Task Together(int value)
    {
        await Task.WhenAll(Task.CompletedTask, Generic($"{value}")); // @together
    }

    /// <summary>The continuation is a delegate: a synchronization context is there to post it to.</summary>
    public static async Task Posted(int value)
    {
        SynchronizationContext.SetSynchronizationContext(new Posting());
        try
        {
            await Together(value); // @posted
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(null);
        }
    }

    /// <summary>Two wait for the same task: nobody can say which of them called.</summary>
    public static async Task Shared(int value)
    {
        var shared = Bottom(value);
        await Task.WhenAll(First(shared), First(shared));
    }

    private static async Task First(Task task) => await task;

    private sealed class Posting : SynchronizationContext
    {
        public override void Post(SendOrPostCallback callback, object? state) =>
            ThreadPool.UnsafeQueueUserWorkItem(_ => callback(state), null);
    }
}
