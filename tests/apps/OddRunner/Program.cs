using System.Runtime.CompilerServices;
using Oddities;
using Protocol;

const int Million = 1_000_000;

// "check" runs every scenario and compares its answer with the one that is known to be right.
var scenarios = new Scenarios("Oddities.");
var expected = new List<(string Name, object? Result)>();
Register();

var conversation = new Conversation(scenarios);
conversation.Add("check", _ => Check());
return conversation.Run();

void Add(string name, object? result, Func<Words, object?> run, params Calls[] others)
{
    scenarios.Add(name, run, others);
    expected.Add((name, result));
}

string Check()
{
    var wrong = new List<string>();
    foreach (var (name, result) in expected)
    {
        var scenario = scenarios.Find(name);
        var outcome = scenario.Run(Words.Parse(""));
        scenarios.Book(scenario, 1);
        var got = outcome.Error is { } error ? error.GetType().Name : outcome.Result;
        if (!Equals(got, result))
        {
            wrong.Add($"{name}: {Show.Value(got)} instead of {Show.Value(result)}");
        }
    }

    return wrong.Count == 0 ? $"ok check {expected.Count}" : $"error {string.Join("; ", wrong)}";
}

void Register()
{
    Add("Odd.Jump", 10, _ => Odd.Jump(5, "text"), new Calls("Odd.JumpTarget", 1));
    Add("Odd.TailLoop", (long)Million, _ => Odd.TailLoop(Million, 0), new Calls("Odd.TailLoop", Million));
    Add("Odd.TailVirtual", (long)Million, _ => Odd.TailVirtual(Million), new Calls("Virtual.Count", Million + 1));
    Add("Odd.TailCalli", (long)Million, _ => Odd.TailCalli(Million, 0), new Calls("Odd.TailCalli", Million));
    Add("Odd.TailVoid", null, _ => Done(() => Odd.TailVoid(Million)), new Calls("Odd.TailVoid", Million));
    Add("Odd.LocAlloc", 0x5a, _ => Odd.LocAlloc(1000));
    Add("Odd.FilterFault", 20, _ => Odd.FilterFault(1));
    Add("Odd.ThrowingFilter", -1, _ => Odd.ThrowingFilter(0));
    Add("Odd.ThrowString", nameof(RuntimeWrappedException), _ => Odd.ThrowString("thrown"));
    Add("Odd.CatchString", "thrown", _ => Odd.CatchString("thrown"), new Calls("Odd.ThrowString", 1));
    Add("Odd.DeepLeave", 111, _ => Odd.DeepLeave(1));
    Add("Odd.EndsInHandler", nameof(InvalidOperationException), _ => Odd.EndsInHandler(0));
    Add("Odd.LongBranches", 101, _ => Odd.LongBranches(1));
    Add("Odd.ShortLimits", 7, _ => Odd.ShortLimits(0));
    Add("Odd.StackAcross", (nint)7, _ => Odd.StackAcross(1));
    Add("Odd.DeadCode", 4, _ => Odd.DeadCode(4));
    Add("Odd.NotCleared", 6, _ => Odd.NotCleared(6));
    Add("Odd.Prefixes", 1234567, _ => Odd.Prefixes(1234567));
    Add("Odd.CopyBlock", -3, _ => Odd.CopyBlock(-3));
    Add("Odd.Constrained", "7", _ => Odd.Constrained(new[] { 7 }));
    Add("Odd.TypedReference", 9, _ => Odd.TypedReference(9));
    Add("Odd.CallInstance", 12L, _ => Odd.CallInstance(12), new Calls("Virtual.Count", 13));
    Add("Odd.CallModified", 9, _ => Odd.CallModified(3), new Calls("Odd.Modified", 2));
    Add("Odd.CallSignatures", 1055, _ => Odd.CallSignatures(5), new Calls("Odd.Signatures", 1));
    Add("Odd.Strange", 1016, _ => Odd.Strange(1));
    Add("Odd.Arithmetic", 4, _ => Odd.Arithmetic(3.9));
    Add("Odd.DeepStack", 80, _ => Odd.DeepStack(2));
    Add("Odd.LongForms", 5, _ => Odd.LongForms(2, 3));
    Add("Odd.Tokens", true, _ => Odd.Tokens());
    Add("Odd.Nothing", null, _ => Done(Odd.Nothing));
    Add("Odd.NeverLeaves", nameof(DivideByZeroException), _ => Odd.NeverLeaves(100));
    Add("Precise.Use", 6, _ => Precise.Use(5));
}

static object? Done(Action action)
{
    action();
    return null;
}
