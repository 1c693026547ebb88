using System.Collections.Immutable;
using System.Collections.ObjectModel;
using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Numerics;
using Protocol;
using Target;

namespace Driver;

internal static class KnownScenarios
{
    private static readonly Dictionary<string, object> Samples = new(StringComparer.Ordinal)
    {
        ["dictionary"] = new Dictionary<string, object?> { ["one"] = 1, ["two"] = "zwei", ["three"] = null },
        ["secrets"] = new Dictionary<string, string?> { ["user"] = "ann", ["password"] = "hunter2", ["token"] = null },
        ["numbers"] = new Dictionary<int, decimal> { [1] = 1.5m, [-2] = 0.25m },
        ["holes"] = Without(new Dictionary<int, int> { [1] = 10, [2] = 20, [3] = 30, [4] = 40 }, 1, 3),
        ["many"] = Enumerable.Range(1, 20).ToDictionary(number => number, number => number * number),
        ["empty"] = new Dictionary<int, string>(),
        ["set"] = new HashSet<string> { "a", "b" },
        ["queue"] = Queued(5, 3),
        ["ring"] = Queued(7, 6),
        ["stack"] = new Stack<int>([1, 2, 3]),
        ["tall"] = new Stack<int>(Enumerable.Range(1, 20)),
        ["priorities"] = new PriorityQueue<string, int>([("late", 2), ("soon", 1)]),
        ["linked"] = new LinkedList<int>([1, 2]),
        ["sorted"] = new SortedSet<int> { 3, 1 },
        ["sortedlist"] = new SortedList<int, string> { [1] = "one" },
        ["arraylist"] = new System.Collections.ArrayList { 1, "two" },
        ["immutable"] = ImmutableArray.Create(1, 2, 3),
        ["immutabledictionary"] = ImmutableDictionary<string, int>.Empty.Add("one", 1),
        ["immutableset"] = ImmutableHashSet.Create(1, 2),
        ["collection"] = new Collection<int> { 1, 2 },
        ["readonly"] = new ReadOnlyCollection<int>([1, 2]),
        ["uri"] = new Uri("https://example.com/orders?id=7"),
        ["relative"] = new Uri("orders/7", UriKind.Relative),
        ["big"] = BigInteger.Parse("123456789012345678901234567890", null),
        ["minusbig"] = -BigInteger.Pow(2, 200),
        ["small"] = new BigInteger(-42),
        ["huge"] = BigInteger.Pow(10, 1000),
        ["version"] = new Version(1, 2, 3),
        ["four"] = new Version(1, 2, 3, 4),
        ["ip"] = IPAddress.Parse("192.0.2.7"),
        ["ip6"] = IPAddress.Parse("2001:db8::7"),
        ["command"] = new SampleCommand { CommandText = "SELECT 1" },
        ["record"] = new Customer(7),
    };

    private sealed record Customer(int Number);

    public static void Register(Scenarios scenarios) =>
        scenarios.Add("Known.Of", words => Known.Of(Samples[words.Text(0, "dictionary")]) is not null);

    private static Dictionary<int, int> Without(Dictionary<int, int> all, params int[] keys)
    {
        foreach (var key in keys)
            all.Remove(key);
        return all;
    }

    /// <summary>A queue of so many whose first one does not lie first in its array.</summary>
    private static Queue<int> Queued(int count, int gone)
    {
        var queue = new Queue<int>(8);
        for (var i = 0; i < count + gone; i++)
        {
            queue.Enqueue(i);
            if (i < gone)
                queue.Dequeue();
        }
        return queue;
    }

    /// <summary>As commands of databases are: one field holds the text.</summary>
    private sealed class SampleCommand : DbCommand
    {
        private string _commandText = "";

        [AllowNull]
        public override string CommandText
        {
            get => _commandText;
            set => _commandText = value ?? "";
        }

        public override int CommandTimeout { get; set; }
        public override CommandType CommandType { get; set; }
        public override bool DesignTimeVisible { get; set; }
        public override UpdateRowSource UpdatedRowSource { get; set; }
        protected override DbConnection? DbConnection { get; set; }
        protected override DbParameterCollection DbParameterCollection => throw new NotSupportedException();
        protected override DbTransaction? DbTransaction { get; set; }
        public override void Cancel() { }
        public override int ExecuteNonQuery() => 0;
        public override object? ExecuteScalar() => null;
        public override void Prepare() { }
        protected override DbParameter CreateDbParameter() => throw new NotSupportedException();
        protected override DbDataReader ExecuteDbDataReader(CommandBehavior behavior) => throw new NotSupportedException();
    }
}
