namespace Protocol;

/// <summary>
/// The scenarios of a program and its count of the calls that they have made. A count is booked after the call, by the
/// number of runs: the methods themselves hold no counting code, so that they can be as small as those of real programs.
/// </summary>
public sealed class Scenarios(string root)
{
    private readonly Dictionary<string, Scenario> _scenarios = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);

    public IEnumerable<string> Names => _scenarios.Keys.Order(StringComparer.Ordinal);

    /// <summary>Adds a scenario that calls the method of its own name once, beside what else it calls.</summary>
    public void Add(string name, Func<Words, object?> run, params Calls[] others) =>
        AddOnly(name, run, [new Calls(root + name, 1), .. others.Select(call => call with { Method = root + call.Method })]);

    /// <summary>Adds a scenario whose calls have their full names, or that books none.</summary>
    public void AddOnly(string name, Func<Words, object?> run, params Calls[] calls) =>
        _scenarios.Add(name, new Scenario(name, run, calls));

    public Scenario Find(string name) =>
        _scenarios.TryGetValue(name, out var found) ? found : throw new ProtocolException($"no scenario {name}");

    public void Book(Scenario scenario, long runs)
    {
        lock (_counts)
        {
            foreach (var call in scenario.Calls)
            {
                _counts[call.Method] = _counts.GetValueOrDefault(call.Method) + (call.Each * runs);
            }
        }
    }

    public string CountsAsJson()
    {
        lock (_counts)
        {
            return Show.Json(new SortedDictionary<string, long>(_counts, StringComparer.Ordinal));
        }
    }
}

/// <summary>A command that cannot be done; its message is the answer.</summary>
public sealed class ProtocolException(string message) : Exception(message);
