using System.Runtime.CompilerServices;

namespace Target;

/// <summary>Methods that the compiler turns into something else: iterators, async methods, lambdas, local functions.</summary>
public static class Sequences
{
    public static IEnumerable<int> CountTo(int last)
    {
        try
        {
            for (var i = 1; i <= last; i++)
            {
                yield return i;
            }
        }
        finally
        {
            Finished++;
        }
    }

    public static int Finished { get; private set; }

    public static async IAsyncEnumerable<int> CountSlowlyTo(int last, [EnumeratorCancellation] CancellationToken cancel = default)
    {
        for (var i = 1; i <= last; i++)
        {
            cancel.ThrowIfCancellationRequested();
            await Task.Yield();
            yield return i;
        }
    }

    public static async Task DoAsync() => await Task.Yield();

    public static async Task<int> AddAsync(int left, int right)
    {
        await Task.Yield();
        return left + right;
    }

    /// <summary>Completes before it returns: nothing to wait for.</summary>
    public static async Task<int> AddAtOnceAsync(int left, int right)
    {
        await Task.CompletedTask;
        return left + right;
    }

    public static async ValueTask<string> JoinAsync(string left, string right)
    {
        await Task.Yield();
        return left + right;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public static async ValueTask<int> PooledAsync(int value)
    {
        await Task.Yield();
        return value;
    }

    public static async Task<int> FailAsync(string message)
    {
        await Task.Yield();
        throw new InvalidOperationException(message);
    }

    public static async Task<int> NestedAsync(int depth) => depth == 0 ? 0 : 1 + await NestedAsync(depth - 1);

    public static async void FireAndForget(TaskCompletionSource<int> done, int value)
    {
        await Task.Yield();
        done.SetResult(value);
    }

    public static async Task<int> CatchingAsync(string message)
    {
        try
        {
            return await FailAsync(message);
        }
        catch (InvalidOperationException error) when (error.Message.Length > 0)
        {
            await Task.Yield();
            return error.Message.Length;
        }
        finally
        {
            await Task.Yield();
        }
    }

    public static int Lambda(int value)
    {
        Func<int, int> addOne = number => number + 1;
        Func<int, int> addValue = number => number + value;
        return addOne(addValue(value));
    }

    public static int LocalFunction(int value)
    {
        return Fibonacci(value);

        static int Fibonacci(int n) => n < 2 ? n : Fibonacci(n - 1) + Fibonacci(n - 2);
    }

    public static int Query(int[] numbers) =>
        (from number in numbers where number % 2 == 0 orderby number descending select number * number).Sum();
}
