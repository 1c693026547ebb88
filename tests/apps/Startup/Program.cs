using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Startup;

/// <summary>What runs before anybody could attach. Usage: Startup [--exit CODE] [--child] [--throw MESSAGE] WORDS…</summary>
public static class Program
{
    private static readonly int Answered = Early.Answer(6);

    public static int Main(string[] args)
    {
        var options = Options.Parse(args);
        Console.WriteLine($"words {options.Words.Count} {string.Join(' ', options.Words)}".TrimEnd());
        Console.WriteLine($"early {Early.Initialised} {Answered}");
        Console.WriteLine($"late {Greeting(options.Words.FirstOrDefault("nobody"))}");
        if (options.Child)
        {
            Console.WriteLine($"child {RunChild()}");
        }

        return options.Message is { } message ? Fail(message) : options.ExitCode;
    }

    /// <summary>The assembly Late is loaded when this is compiled, not before.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static string Greeting(string name) => Late.Greeter.Greet(name);

    private static int Fail(string message) => throw new InvalidOperationException(message);

    /// <summary>Runs this program again, with an exit code of 3 and one word; its output is part of this one's.</summary>
    private static int RunChild()
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false };
        foreach (var word in new[] { typeof(Program).Assembly.Location, "--exit", "3", "from-child" })
        {
            start.ArgumentList.Add(word);
        }

        using var child = Process.Start(start)!;
        child.WaitForExit();
        return child.ExitCode;
    }
}

public static class Early
{
    public static int Initialised { get; private set; }

    public static int Answer(int factor) => factor * 7;

    [ModuleInitializer]
    internal static void Initialise() => Initialised++;
}

public sealed record Options(int ExitCode, bool Child, string? Message, List<string> Words)
{
    public static Options Parse(string[] args)
    {
        var options = new Options(0, false, null, []);
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--exit":
                    options = options with { ExitCode = int.Parse(args[++i]) };
                    break;
                case "--throw":
                    options = options with { Message = args[++i] };
                    break;
                case "--child":
                    options = options with { Child = true };
                    break;
                default:
                    options.Words.Add(args[i]);
                    break;
            }
        }

        return options;
    }
}
