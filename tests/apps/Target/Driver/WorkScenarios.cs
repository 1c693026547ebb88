using Protocol;
using Target;

namespace Driver;

internal static class WorkScenarios
{
    private const int Spins = 10_000;

    public static void Register(Scenarios scenarios)
    {
        Small(scenarios);
        Spin(scenarios);
        Threads(scenarios);
        Callers(scenarios);
        RunTimeCode(scenarios);
    }

    private static void Small(Scenarios scenarios)
    {
        scenarios.Add("Work.Add", words => Work.Add(words.Int(0, 1), words.Int(1, 2)));
        scenarios.Add("Work.Length", words => Work.Length(words.Text(0, "text")));
        scenarios.Add("Work.AlwaysInlined", words => Work.AlwaysInlined(words.Int(0, 2)));
        scenarios.Add("Work.NeverInlined", words => Work.NeverInlined(words.Int(0, 2)));
        scenarios.Add("Work.Optimised", words => Work.Optimised(words.Int(0, 2)));
        scenarios.Add("Work.Synchronized", words => Work.Synchronized(words.Int(0, 2)));
        scenarios.Add("Work.Busy", words => Work.Busy(words.Int(0, 1_000_000)));
    }

    private static void Spin(Scenarios scenarios)
    {
        scenarios.Add("Work.SpinAdd", _ => Work.SpinAdd(Spins), new Calls("Work.Add", Spins));
        scenarios.Add("Work.SpinAlwaysInlined", _ => Work.SpinAlwaysInlined(Spins), new Calls("Work.AlwaysInlined", Spins));
        scenarios.Add("Work.SpinNeverInlined", _ => Work.SpinNeverInlined(Spins), new Calls("Work.NeverInlined", Spins));
        scenarios.Add("Work.SpinList", _ => Work.SpinList(Spins));
    }

    private static void Threads(Scenarios scenarios)
    {
        scenarios.Add("Work.Sleep", words => Slept(words.Int(0, 20)));
        scenarios.Add("Work.Block", words => Work.Block(words.Int(0, 1)));
        scenarios.Add("Work.Allocate", words => Work.Allocate(100), new Calls("Work.Keep", 100));
    }

    private static void Callers(Scenarios scenarios)
    {
        scenarios.Add("Work.CallerOne", words => Work.CallerOne(words.Int(0, 1)), new Calls("Work.Callee", 1));
        scenarios.Add("Work.CallerTwo", words => Work.CallerTwo(words.Int(0, 1)), new Calls("Work.Callee", 2));
        scenarios.Add("Work.Descend", _ => Work.Descend(5), new Calls("Work.Descend", 5), new Calls("Work.Callee", 1));
    }

    private static void RunTimeCode(Scenarios scenarios)
    {
        scenarios.AddOnly("Dynamic.CallMethod", words => Dynamic.CallMethod(words.Int(0, 6)), Made("CallMethod", "Square"));
        scenarios.AddOnly("Dynamic.CallExpression", words => Dynamic.CallExpression(words.Int(0, 6)), Made("CallExpression", "Lambda"));
        scenarios.AddOnly("Dynamic.Many", _ => Dynamic.Many(100), new Calls("<dynamic>.DynamicSquare", 200));
        scenarios.AddOnly("Dynamic.Named", words => Dynamic.Named(words.Int(0, 100)));
        scenarios.AddOnly("Dynamic.Attributes", words => Dynamic.Attributes(words.Int(0, 100)));
        scenarios.AddOnly(
            "Dynamic.Shapes",
            words => Dynamic.Shapes(words.Text(0, "text"), words.Int(1, 6)),
            [.. Made("Shapes", "Join", "Turn", "Move", "Measure", "First"), .. Twice("Maybe", "Guard")]);
        scenarios.AddOnly("Dynamic.Throw", words => Dynamic.Throw(words.Int(0, 7)), Made("Throw", "Through", "Thrower"));
        scenarios.Add("Dynamic.Match", words => Dynamic.Match(words.Text(0, "abx12 ccx30 x4")));
        scenarios.Add("Dynamic.Invoke", words => Dynamic.Invoke(words.Int(0, 6)), new Calls("Dynamic.Echo", 1));
        scenarios.Add("Dynamic.Emit", words => Dynamic.Emit(words.Text(1) == "collectible", words.Int(0, 6)));
        scenarios.Add("Dynamic.Contexts", words => Dynamic.Contexts(words.Text(0), words.Int(1, 10)));
        scenarios.Add("Dynamic.Keep", words => Dynamic.Keep(words.Int(0, 100)));
        scenarios.Add("Dynamic.Kept", words => Dynamic.Kept(words.Int(0, 6)));
        scenarios.Add("Dynamic.Over", words => Dynamic.Over(words.Text(0), words.Int(1, 10)));
    }

    private static Calls[] Made(string scenario, params string[] names) =>
        [new Calls($"Target.Dynamic.{scenario}", 1), .. names.Select(name => new Calls($"<dynamic>.Dynamic{name}", 1))];

    private static IEnumerable<Calls> Twice(params string[] names) => names.Select(name => new Calls($"<dynamic>.Dynamic{name}", 2));

    private static object Slept(int milliseconds)
    {
        Work.Sleep(milliseconds);
        return milliseconds;
    }
}
