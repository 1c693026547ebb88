using System.Collections.Concurrent;

namespace Shop;

/// <summary>The application's own count of calls to a few of its methods, by full method name.</summary>
public static class CallCounts
{
    private static readonly ConcurrentDictionary<string, Counter> Counters = new();

    public static Counter For(string method) => Counters.GetOrAdd(method, _ => new Counter());

    public static SortedDictionary<string, long> Snapshot()
    {
        var counts = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var (method, counter) in Counters)
        {
            counts[method] = counter.Value;
        }

        return counts;
    }

    public sealed class Counter
    {
        private long _value;

        public long Value => Interlocked.Read(ref _value);

        public void Hit() => Interlocked.Increment(ref _value);
    }
}
