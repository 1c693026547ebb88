namespace Protocol;

/// <summary>So many calls of a method, each time that a scenario runs.</summary>
public readonly record struct Calls(string Method, long Each);

/// <summary>Something to run by name, and which methods it calls how often.</summary>
public sealed class Scenario(string name, Func<Words, object?> run, Calls[] calls)
{
    public string Name => name;

    public Calls[] Calls => calls;

    /// <summary>Runs once, to the end of the task if it answers one. An exception is an answer like any other.</summary>
    public Outcome Run(Words arguments)
    {
        try
        {
            var result = run(arguments);
            if (result is Task task)
            {
                task.GetAwaiter().GetResult();
                result = null;
            }

            return new Outcome(result, null);
        }
        catch (Exception error) when (error is not ProtocolException)
        {
            return new Outcome(null, error);
        }
    }

}

public readonly record struct Outcome(object? Result, Exception? Error);
