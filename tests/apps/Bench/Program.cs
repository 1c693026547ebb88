using System.Globalization;
using Bench;
using Protocol;

// warm [NAME]       runs a loop (or all of them) until it is compiled to its last tier
// round NAME N [R]  R rounds (7 unless said) of N calls: "ns MIN MEDIAN MAX", CPU time a call
var conversation = new Conversation(new Scenarios("Bench."));
conversation.Add("warm", Warm);
conversation.Add("round", Round);
return conversation.Run();

static Func<int, long> Find(string name) =>
    Loops.ByName.TryGetValue(name, out var loop)
        ? loop
        : throw new ProtocolException($"no loop {name} (known: {string.Join(' ', Loops.ByName.Keys)})");

static string Warm(Words words)
{
    var loops = words.Count > 0 ? [Find(words.Text(0))] : Loops.ByName.Values.ToArray();
    foreach (var loop in loops)
    {
        // Thirty calls make a method hot, and the tier-1 code is made in the background: come back until it is there.
        for (var pass = 0; pass < 4; pass++)
        {
            for (var i = 0; i < 200; i++)
            {
                loop(2_000);
            }

            Settle.Wait(TimeSpan.FromMilliseconds(150));
        }
    }

    return $"ok warm {loops.Length}";
}

static string Round(Words words)
{
    var loop = Find(words.Text(0));
    var calls = Math.Max(words.Int(1, 10_000_000), 1);
    var rounds = new double[Math.Max(words.Int(2, 7), 1)];
    for (var i = 0; i < rounds.Length; i++)
    {
        var began = CpuClock.Nanoseconds;
        loop(calls);
        rounds[i] = (CpuClock.Nanoseconds - began) / (double)calls;
    }

    Array.Sort(rounds);
    return string.Create(CultureInfo.InvariantCulture, $"ns {rounds[0]:F3} {rounds[rounds.Length / 2]:F3} {rounds[^1]:F3}");
}
