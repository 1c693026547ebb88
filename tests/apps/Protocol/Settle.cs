using System.Runtime;

namespace Protocol;

/// <summary>Waits until the JIT has compiled nothing for a while: what was hot has then reached its last tier.</summary>
public static class Settle
{
    /// <summary>Answers how many methods have been compiled by then.</summary>
    public static long Wait(TimeSpan quiet)
    {
        long before;
        do
        {
            before = JitInfo.GetCompiledMethodCount();
            Thread.Sleep(quiet);
        }
        while (JitInfo.GetCompiledMethodCount() != before);

        return before;
    }
}
