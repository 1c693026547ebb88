using System.Diagnostics;
using System.Text.Json;
using Stress;

// Usage: Stress SECONDS [THREADS] [nogc]
// Says "ready PID VERSION", works, and ends with one line of JSON; exit code 1 when a result was wrong.
const int Seeds = 64;
const long KnownTotal = 524_940_812;

var seconds = double.Parse(args.ElementAtOrDefault(0) ?? "5", System.Globalization.CultureInfo.InvariantCulture);
var threads = int.Parse(args.ElementAtOrDefault(1) ?? "4");
var collecting = !args.Contains("nogc");

Console.WriteLine($"ready {Environment.ProcessId} {Environment.Version}");
var expected = Enumerable.Range(0, Seeds).Select(Units.Run).ToArray();
long units = Seeds, wrong = expected.Sum() == KnownTotal ? 0 : 1, collections = 0;
var clock = Stopwatch.StartNew();

var workers = Enumerable.Range(0, threads).Select(number => new Thread(() => Work(number)) { Name = $"work {number}" }).ToList();
if (collecting)
{
    workers.Add(new Thread(Collect) { Name = "collect" });
}

workers.ForEach(worker => worker.Start());
workers.ForEach(worker => worker.Join());
Console.WriteLine(JsonSerializer.Serialize(new
{
    units,
    wrong,
    total = expected.Sum(),
    collections,
    counts = new SortedDictionary<string, long>
    {
        ["Stress.Units.Run"] = units,
        ["Stress.Units.Texts"] = units,
        ["Stress.Units.Joined"] = units * 20,
        ["Stress.Units.Mix"] = units * 50,
        ["Stress.Units.Both"] = units * 2,
        ["Stress.Units.Echo"] = units * 5,
        ["Stress.Units.Exceptions"] = units,
        ["Stress.Units.Part"] = units,
        ["Stress.Units.Waste"] = units,
        ["Stress.Units.Waits"] = units,
        ["Stress.Units.Later"] = units,
        ["Stress.Summer.Sum"] = units,
    },
}));
return wrong == 0 ? 0 : 1;

bool Running() => clock.Elapsed.TotalSeconds < seconds;

void Work(int number)
{
    long done = 0, bad = 0;
    for (var seed = number; Running(); seed = (seed + 1) % Seeds)
    {
        bad += Units.Run(seed) == expected[seed] ? 0 : 1;
        done++;
    }

    Interlocked.Add(ref units, done);
    Interlocked.Add(ref wrong, bad);
}

void Collect()
{
    while (Running())
    {
        GC.Collect(collections % 4 == 0 ? 2 : 0, GCCollectionMode.Forced, blocking: true, compacting: true);
        collections++;
        Thread.Sleep(1); // Back to back, the threads would do nothing but stop and go.
    }
}
