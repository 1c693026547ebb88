using System.Diagnostics;
using System.Globalization;

namespace Protocol;

/// <summary>
/// How long the program stood still: a thread that does nothing but read the clock misses the time in which it did not run.
/// That is the runtime's suspensions and what else the machine had to do, which a measurement beside it must tell apart.
/// </summary>
internal sealed class Gaps
{
    private const double LeastMicroseconds = 20;
    private volatile bool _stop;
    private Thread? _thread;
    private double _longest;
    private double _total;

    public void Begin()
    {
        using var running = new ManualResetEventSlim();
        _stop = false;
        _longest = _total = 0;
        _thread = new Thread(() => Watch(running)) { IsBackground = true, Name = "gaps" };
        _thread.Start();
        running.Wait();
    }

    /// <summary>Answers the longest one and all of them, in microseconds.</summary>
    public string End()
    {
        _stop = true;
        _thread?.Join();
        return string.Create(CultureInfo.InvariantCulture, $"{_longest:F0} {_total:F0}");
    }

    private void Watch(ManualResetEventSlim running)
    {
        running.Set();
        for (var last = Stopwatch.GetTimestamp(); !_stop;)
        {
            var now = Stopwatch.GetTimestamp();
            var gap = (now - last) * 1e6 / Stopwatch.Frequency;
            last = now;
            if (gap >= LeastMicroseconds)
            {
                _longest = Math.Max(_longest, gap);
                _total += gap;
            }
        }
    }
}
