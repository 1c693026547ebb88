using System.Globalization;
using System.Runtime;
using System.Text;

namespace Protocol;

/// <summary>
/// Commands on stdin, one a line; one line on stdout for each: <c>ok …</c>, <c>threw …</c> or <c>error …</c>. A test waits for
/// the answer and so never has to guess how long something takes. The end of stdin ends the program.
/// </summary>
public sealed class Conversation
{
    private readonly Scenarios _scenarios;
    private readonly Loops _loops;
    private readonly Tasks _tasks = new();
    private readonly Loader _loader = new();
    private readonly Gaps _gaps = new();
    private readonly Dictionary<string, Func<Words, string>> _commands;

    public Conversation(Scenarios scenarios)
    {
        _scenarios = scenarios;
        _loops = new Loops(scenarios);
        _commands = new Dictionary<string, Func<Words, string>>(StringComparer.Ordinal)
        {
            ["call"] = Call,
            ["begin"] = Begin,
            ["join"] = _ => _tasks.Join(),
            ["loop"] = Loop,
            ["stop"] = _ => $"ok stop {_loops.Stop()}",
            ["counts"] = _ => $"ok {_scenarios.CountsAsJson()}",
            ["names"] = _ => $"ok {string.Join(' ', _scenarios.Names)}",
            ["gc"] = Collect,
            ["gaps"] = words => Gaps(words.Text(0, "begin")),
            ["settle"] = words => $"ok settle {Settle.Wait(TimeSpan.FromMilliseconds(words.Int(0, 300)))}",
            ["load"] = words => $"ok load {Loader.Load(words.Text(0))}",
            ["collectible"] = words => $"ok collectible {_loader.LoadCollectible(words.Text(0))}",
            ["unload"] = Unload,
            ["invoke"] = Invoke,
            ["echo"] = words => $"ok {string.Join(' ', words.ToArray())}",
            ["crash"] = words => Crash(words.Text(0, "crash")),
            ["crash-thread"] = words => CrashThread(words.Text(0, "crash")),
        };
    }

    /// <summary>Adds a command, or replaces one of the common ones.</summary>
    public void Add(string command, Func<Words, string> run) => _commands[command] = run;

    /// <summary>Says <c>ready PID VERSION</c>, answers commands until <c>exit CODE</c> and returns that code.</summary>
    public int Run()
    {
        using var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)) { AutoFlush = true };
        output.WriteLine($"ready {Environment.ProcessId} {Environment.Version}");
        while (Console.In.ReadLine() is { } line)
        {
            var words = Words.Parse(line);
            if (words.Text(0) == "exit")
            {
                return words.Int(1);
            }

            if (words.Count > 0)
            {
                output.WriteLine(Answer(words));
            }
        }

        return 0;
    }

    private static string Invoke(Words words)
    {
        var arguments = words.Skip(1).TakeTimes(out var times);
        object? result = null;
        for (var i = 0; i < times; i++)
        {
            result = Loader.Invoke(words.Text(0), arguments);
        }

        return $"ok {words.Text(0)} {Show.Value(result)}";
    }

    private string Gaps(string what)
    {
        if (what == "end")
        {
            return $"ok gaps {_gaps.End()}";
        }

        _gaps.Begin();
        return "ok gaps";
    }

    private static string Collect(Words words)
    {
        var times = words.Int(0, 1);
        for (var i = 0; i < times; i++)
        {
            GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }

        return $"ok gc {times}";
    }

    private static string Crash(string message) => throw new FatalException(message);

    private static string CrashThread(string message)
    {
        var thread = new Thread(() => throw new FatalException(message)) { Name = "crash" };
        thread.Start();
        thread.Join();
        return "error the crash was survived";
    }

    private string Answer(Words words)
    {
        try
        {
            return _commands.TryGetValue(words.Text(0), out var run)
                ? run(words.Skip(1))
                : $"error no command {words.Text(0)} (known: {string.Join(' ', _commands.Keys)} exit)";
        }
        catch (ProtocolException error)
        {
            return $"error {error.Message}";
        }
        catch (Exception error) when (error is not FatalException)
        {
            return $"threw {words.Text(1)} {Show.Error(error)}";
        }
    }

    private string Call(Words words)
    {
        var scenario = _scenarios.Find(words.Text(0));
        var arguments = words.Skip(1).TakeTimes(out var times);
        var outcome = default(Outcome);
        for (var i = 0; i < times; i++)
        {
            outcome = scenario.Run(arguments);
        }

        _scenarios.Book(scenario, times);
        return outcome.Error is { } error
            ? $"threw {scenario.Name} {Show.Error(error)}"
            : $"ok {scenario.Name} {Show.Value(outcome.Result)}";
    }

    private string Begin(Words words)
    {
        var name = _scenarios.Find(words.Text(0)).Name;
        _tasks.Begin(name, () => Call(words));
        return $"ok begin {name}";
    }

    private string Loop(Words words)
    {
        var scenario = _scenarios.Find(words.Text(0));
        var threads = words.Int(1, 1);
        _loops.Start(scenario, threads, words.Skip(2));
        return string.Create(CultureInfo.InvariantCulture, $"ok loop {scenario.Name} {threads}");
    }

    private string Unload(Words words)
    {
        _loader.Unload();
        return "ok unload";
    }

    /// <summary>What nobody catches, so that the runtime ends the process.</summary>
    private sealed class FatalException(string message) : Exception(message);
}
