using System.Runtime.CompilerServices;
using Protocol;

namespace Kinds;

/// <summary>Calls that last: workers in an endless loop.</summary>
public static class Loops
{
    private static volatile bool s_stop;
    private static int s_running;
    private static Count s_steps;
    private static readonly List<Thread> Threads = [];

    public static void Register(Scenarios scenarios)
    {
        scenarios.AddOnly("Work", words => Begin(words.Int(0, 2)));
        scenarios.AddOnly("Rest", _ => End());
        scenarios.AddOnly("Steps", words => Count.Of(ref s_steps, () => Walk(words.Int(0, 10))));
    }

    /// <summary>Runs until it is told to stop; on-stack replacement changes it on the way.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static long Worker(int number)
    {
        long done = 0;
        Interlocked.Increment(ref s_running);
        while (!s_stop)
        {
            done = Step(done, number);
        }

        Interlocked.Decrement(ref s_running);
        return done;
    }

    /// <summary>Inlined into Worker where that is optimised.</summary>
    public static long Step(long done, int number) => done ^ number;

    private static void Walk(int times)
    {
        for (var i = 0; i < times; i++)
        {
            s_steps.Add();
            Step(i, 1);
        }
    }

    private static int Begin(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var number = i;
            var thread = new Thread(() => Worker(number)) { IsBackground = true };
            Threads.Add(thread);
            thread.Start();
        }

        SpinWait.SpinUntil(() => Volatile.Read(ref s_running) == count);
        return count;
    }

    private static int End()
    {
        s_stop = true;
        Threads.ForEach(thread => thread.Join());
        var ended = Threads.Count;
        Threads.Clear();
        s_stop = false;
        return ended;
    }
}
