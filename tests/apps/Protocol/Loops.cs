namespace Protocol;

/// <summary>Scenarios that run again and again on threads of their own until they are stopped.</summary>
internal sealed class Loops(Scenarios scenarios)
{
    private readonly List<Thread> _threads = [];
    private volatile bool _stop;
    private long _total;

    /// <summary>Returns when every thread has run the scenario at least once.</summary>
    public void Start(Scenario scenario, int threads, Words arguments)
    {
        using var running = new CountdownEvent(threads);
        for (var i = 0; i < threads; i++)
        {
            var thread = new Thread(() => Run(scenario, arguments, running)) { Name = $"loop {scenario.Name}", IsBackground = true };
            _threads.Add(thread);
            thread.Start();
        }

        running.Wait();
    }

    /// <summary>Ends all loops; answers how often their scenarios have run since they began.</summary>
    public long Stop()
    {
        _stop = true;
        _threads.ForEach(thread => thread.Join());
        _threads.Clear();
        _stop = false;
        return Interlocked.Exchange(ref _total, 0);
    }

    private void Run(Scenario scenario, Words arguments, CountdownEvent running)
    {
        long runs = 0;
        do
        {
            scenario.Run(arguments);
            if (runs++ == 0)
            {
                running.Signal();
            }
        }
        while (!_stop);

        scenarios.Book(scenario, runs);
        Interlocked.Add(ref _total, runs);
    }
}
