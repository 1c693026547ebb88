namespace Protocol;

/// <summary>Calls that were begun on threads of their own and whose answers are asked for later.</summary>
internal sealed class Tasks
{
    private readonly List<(Thread Thread, Func<string> Answer)> _begun = [];

    public void Begin(string name, Func<string> call)
    {
        var answer = "";
        var thread = new Thread(() => answer = call()) { Name = $"begin {name}", IsBackground = true };
        _begun.Add((thread, () => answer));
        thread.Start();
    }

    /// <summary>Waits for all; their answers in the order of their beginning.</summary>
    public string Join()
    {
        var answers = new List<string>();
        foreach (var (thread, answer) in _begun)
        {
            thread.Join();
            answers.Add(answer());
        }

        _begun.Clear();
        return string.Join("; ", answers);
    }
}
