using Protocol;

namespace Async;

/// <summary>Each scenario makes so many calls as it is told, waits until they have completed, and answers their number.</summary>
internal static class Runs
{
    private static readonly List<Task> s_pending = [];
    private static TaskCompletionSource s_gate = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>From this thread, where nobody awaits.</summary>
    private static int Wait(Task task)
    {
        task.GetAwaiter().GetResult();
        return 1;
    }

    public static void Register(Scenarios scenarios)
    {
        Add(scenarios, "Plain", Calls.Plain);
        Add(scenarios, "Number", Calls.Number);
        Add(scenarios, "Configured", Calls.Configured);
        Add(scenarios, "Complete", Calls.Complete);
        Add(scenarios, "Value", value => Calls.Value(value).AsTask());
        Add(scenarios, "ValuePlain", value => Calls.ValuePlain(value).AsTask());
        Add(scenarios, "ValueComplete", value => Calls.ValueComplete(value).AsTask());
        Add(scenarios, "Pooled", value => Calls.Pooled(value).AsTask());
        Add(scenarios, "Fails", Calls.Fails);
        Add(scenarios, "FailsAtOnce", Calls.FailsAtOnce);
        Add(scenarios, "Echo", value => value % 2 == 0 ? Calls.Echo(value) : Calls.Echo("text"));
        Add(scenarios, "Text", value => Calls.Text("text", value));
        Add(scenarios, "Inside", Calls.Inside);
        Add(scenarios, "InsideTwice", Calls.InsideTwice);
        Add(scenarios, "InsideFails", Calls.InsideFails);
        Add(scenarios, "Beside", Calls.Beside);
        Add(scenarios, "Box", value => value % 2 == 0 ? new Box<int>(value).With("b") : new Box<string>("c").With(value));
        Add(scenarios, "Sleeps", _ => Calls.Sleeps(30));
        scenarios.AddOnly("Posted", words => Wait(Waiting.Posted(words.Int(0, 1))));
        scenarios.AddOnly("Shared", words => Wait(Waiting.Shared(words.Int(0, 1))));
        scenarios.AddOnly("Nothing", words => Count(words.Int(0, 10), Calls.Nothing));
        scenarios.AddOnly("NothingComplete", words => Count(words.Int(0, 10), Calls.NothingComplete));
        scenarios.AddOnly("Nested", words => Calls.Nested(words.Int(0, 10) - 1).Result + 1);
        scenarios.AddOnly("Loops", words => Loop(words.Int(0, 10)));
        scenarios.AddOnly("Cancelled", words => Cancel(words.Int(0, 10)));
        scenarios.AddOnly("Storm", words => Storm(words.Int(0, 1000)));
        scenarios.AddOnly("Threads", words => Threads(words.Int(0, 1000), words.Int(1, 4)));
        scenarios.AddOnly("Begin", words => Begin(words.Int(0, 10)));
        scenarios.AddOnly("End", _ => End());
    }

    private static void Add(Scenarios scenarios, string name, Func<int, Task> call) =>
        scenarios.AddOnly(name, words => Settled(Enumerable.Range(0, words.Int(0, 10)).Select(call).ToArray()));

    private static int Settled(Task[] calls)
    {
        Task.WhenAll(calls).ContinueWith(_ => { }, TaskScheduler.Default).Wait();
        return calls.Length;
    }

    /// <summary>The last one signals before it has completed: who counts waits for that end.</summary>
    private static int Count(int calls, Action<CountdownEvent> call)
    {
        using var done = new CountdownEvent(calls);
        for (var i = 0; i < calls; i++)
        {
            call(done);
        }

        done.Wait();
        return calls;
    }

    private static int Loop(int rounds) =>
        Calls.Loops(rounds).Result == rounds * (rounds - 1L) / 2 ? rounds : throw new InvalidOperationException("wrong sum");

    private static int Cancel(int calls)
    {
        using var source = new CancellationTokenSource();
        var pending = Enumerable.Range(0, calls).Select(_ => Calls.Cancelled(source.Token)).ToArray();
        source.Cancel();
        return Settled(pending);
    }

    /// <summary>All wait at the same time, while their objects are moved about.</summary>
    private static int Storm(int calls)
    {
        Begin(calls);
        var stop = false;
        var collector = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: true);
            }
        });
        collector.Start();
        GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: true);
        var ended = End();
        Volatile.Write(ref stop, true);
        collector.Join();
        return ended;
    }

    /// <summary>Many short ones from several threads at once.</summary>
    private static int Threads(int calls, int threads)
    {
        var workers = Enumerable.Range(0, threads).Select(_ => new Thread(() =>
        {
            for (var i = 0; i < calls; i++)
            {
                Calls.Number(i).GetAwaiter().GetResult();
            }
        })).ToList();
        workers.ForEach(worker => worker.Start());
        workers.ForEach(worker => worker.Join());
        return calls * threads;
    }

    private static int Begin(int calls)
    {
        for (var i = 0; i < calls; i++)
        {
            s_pending.Add(Calls.Waits(s_gate.Task, i));
        }

        return calls;
    }

    private static int End()
    {
        s_gate.SetResult();
        s_gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var ended = Settled([.. s_pending]);
        s_pending.Clear();
        return ended;
    }
}
