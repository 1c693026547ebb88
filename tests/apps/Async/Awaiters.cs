using System.Runtime.CompilerServices;

namespace Async;

/// <summary>Runs what comes next at once, inside of OnCompleted: the call may be over before it was seen to wait.</summary>
public readonly struct AtOnce : ICriticalNotifyCompletion
{
    public AtOnce GetAwaiter() => this;

    public bool IsCompleted => false;

    public void OnCompleted(Action continuation) => continuation();

    public void UnsafeOnCompleted(Action continuation) => continuation();

    public void GetResult()
    {
    }
}

/// <summary>Runs what comes next on another thread, and comes back when that has ended.</summary>
public readonly struct Elsewhere : ICriticalNotifyCompletion
{
    public Elsewhere GetAwaiter() => this;

    public bool IsCompleted => false;

    public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

    public void UnsafeOnCompleted(Action continuation)
    {
        using var done = new ManualResetEventSlim();
        ThreadPool.UnsafeQueueUserWorkItem(
            _ =>
            {
                continuation();
                done.Set();
            },
            null);
        done.Wait();
    }

    public void GetResult()
    {
    }
}
