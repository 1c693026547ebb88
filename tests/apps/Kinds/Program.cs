using System.Runtime.Versioning;
using Protocol;

[assembly: SupportedOSPlatform("linux")]

namespace Kinds;

/// <summary>
/// A method of every kind that there is. A scenario has it called N times, by whomever such a method is called, and answers
/// how many calls there were: the methods count themselves, or the number follows from what was done.
/// </summary>
public static class Program
{
    private static Conversation? s_conversation;

    public static int Main(string[] words)
    {
        var scenarios = new Scenarios("Kinds.");
        Sequences.Register(scenarios);
        Generic.Register(scenarios);
        Interfaces.Register(scenarios);
        Native.Register(scenarios);
        Lives.Register(scenarios);
        ByTheRuntime.Register(scenarios);
        Inlining.Register(scenarios);
        Loops.Register(scenarios);
        if (words is ["exit-handler"])
        {
            ByTheRuntime.AtExit();
        }

        s_conversation = new Conversation(scenarios);
        return s_conversation.Run();
    }
}

/// <summary>Calls of one method, counted by itself.</summary>
public struct Count
{
    private long _calls;

    public void Add() => Interlocked.Increment(ref _calls);

    public readonly long Calls => Volatile.Read(in _calls);

    /// <summary>How many calls an action makes.</summary>
    public static long Of(ref Count count, Action action)
    {
        var before = count.Calls;
        action();
        return count.Calls - before;
    }
}
