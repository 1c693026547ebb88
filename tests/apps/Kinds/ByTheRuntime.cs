using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using Protocol;

namespace Kinds;

/// <summary>Methods that no code of the program calls.</summary>
public static class ByTheRuntime
{
    internal static Count Compared;
    internal static Count Constructed;
    private static Count s_firstChance;
    private static Count s_resolving;
    private static Count s_loaded;
    private static Count s_ran;
    private static Count s_ticked;
    private static Count s_signalled;
    private static Count s_reflected;
    private static Count s_exiting;
    private static Count s_hashed;
    private static Count s_shown;

    public static int Initialised { get; private set; }

    public static void Register(Scenarios scenarios)
    {
        scenarios.AddOnly("FirstChance", words => Count.Of(ref s_firstChance, () => Throw(words.Int(0, 10))));
        scenarios.AddOnly("Resolving", words => Count.Of(ref s_resolving, () => Resolve(words.Int(0, 3))));
        scenarios.AddOnly("AssemblyLoad", words => Count.Of(ref s_loaded, () => Load(words.Int(0, 3))));
        scenarios.AddOnly("ThreadStart", words => Count.Of(ref s_ran, () => Start(words.Int(0, 5))));
        scenarios.AddOnly("ThreadPool", words => Count.Of(ref s_ran, () => Queue(words.Int(0, 20))));
        scenarios.AddOnly("Timer", words => Ticks(words.Int(0, 5)));
        scenarios.AddOnly("Signal", _ => Count.Of(ref s_signalled, Signal));
        scenarios.AddOnly("Reflection", words => Count.Of(ref s_reflected, () => Reflect(words.Int(0, 10))));
        scenarios.AddOnly("Attribute", words => Count.Of(ref Constructed, () => Attributes(words.Int(0, 5))));
        scenarios.AddOnly("Sorting", words => Count.Of(ref Compared, () => Sort(words.Int(0, 50))));
        scenarios.AddOnly("ValueType", words => Count.Of(ref s_hashed, () => Hash(words.Int(0, 10))));
        scenarios.AddOnly("ToString", words => Count.Of(ref s_shown, () => Show(words.Int(0, 10))));
        scenarios.AddOnly("ModuleInitialiser", _ => Initialised);
    }

    public static void AtExit()
    {
        AppDomain.CurrentDomain.ProcessExit += OnExit;
        AssemblyLoadContext.Default.Unloading += OnUnloading;
    }

    [ModuleInitializer]
    internal static void Initialise() => Initialised++;

    private static void OnExit(object? sender, EventArgs e) => s_exiting.Add();

    private static void OnUnloading(AssemblyLoadContext context) => s_exiting.Add();

    private static void OnFirstChance(object? sender, System.Runtime.ExceptionServices.FirstChanceExceptionEventArgs e) =>
        s_firstChance.Add();

    private static void Throw(int times)
    {
        AppDomain.CurrentDomain.FirstChanceException += OnFirstChance;
        for (var i = 0; i < times; i++)
        {
            try
            {
                throw new InvalidOperationException();
            }
            catch (InvalidOperationException)
            {
            }
        }

        AppDomain.CurrentDomain.FirstChanceException -= OnFirstChance;
    }

    private static Assembly? OnResolving(AssemblyLoadContext context, AssemblyName name)
    {
        s_resolving.Add();
        return null;
    }

    private static void Resolve(int times)
    {
        AssemblyLoadContext.Default.Resolving += OnResolving;
        for (var i = 0; i < times; i++)
        {
            try
            {
                Assembly.Load($"NeverThere{Guid.NewGuid():N}");
            }
            catch (FileNotFoundException)
            {
            }
        }

        AssemblyLoadContext.Default.Resolving -= OnResolving;
    }

    private static void OnLoad(object? sender, AssemblyLoadEventArgs e) => s_loaded.Add();

    private static void Load(int times)
    {
        AppDomain.CurrentDomain.AssemblyLoad += OnLoad;
        var bytes = File.ReadAllBytes(typeof(Scenarios).Assembly.Location);
        for (var i = 0; i < times; i++)
        {
            _ = new AssemblyLoadContext($"copy {i}").LoadFromStream(new MemoryStream(bytes));
        }

        AppDomain.CurrentDomain.AssemblyLoad -= OnLoad;
    }

    private static void Run(object? state)
    {
        s_ran.Add();
        (state as CountdownEvent)?.Signal();
    }

    private static void Start(int times)
    {
        for (var i = 0; i < times; i++)
        {
            var thread = new Thread(Run);
            thread.Start();
            thread.Join();
        }
    }

    private static void Queue(int times)
    {
        using var all = new CountdownEvent(times);
        for (var i = 0; i < times; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(Run, all);
        }

        all.Wait();
    }

    private static void OnTick(object? state)
    {
        s_ticked.Add();
        ((CountdownEvent)state!).Signal();
    }

    /// <summary>One timer for each tick: no more come than are counted.</summary>
    private static long Ticks(int times) => Count.Of(ref s_ticked, () =>
    {
        using var all = new CountdownEvent(times);
        var timers = Enumerable.Range(0, times).Select(_ => new Timer(OnTick, all, 1, Timeout.Infinite)).ToArray();
        all.Wait();
        foreach (var timer in timers)
        {
            using var done = new ManualResetEvent(false);
            timer.Dispose(done);
            done.WaitOne();
        }
    });

    private static readonly SemaphoreSlim Signalled = new(0);

    private static void OnSignal(PosixSignalContext context)
    {
        s_signalled.Add();
        context.Cancel = true;
        Signalled.Release();
    }

    private static void Signal()
    {
        using var registration = PosixSignalRegistration.Create(PosixSignal.SIGCONT, OnSignal);
        _ = Kill(Environment.ProcessId, 18);
        Signalled.Wait();
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int pid, int signal);

    private static int Reflected(int value, string text)
    {
        s_reflected.Add();
        return value + text.Length;
    }

    private static void Reflect(int times)
    {
        var method = typeof(ByTheRuntime).GetMethod(nameof(Reflected), BindingFlags.NonPublic | BindingFlags.Static)!;
        for (var i = 0; i < times; i++)
        {
            method.Invoke(null, [i, "text"]);
        }
    }

    private static void Attributes(int times)
    {
        for (var i = 0; i < times; i++)
        {
            _ = typeof(Marked).GetCustomAttributes(typeof(MarkAttribute), inherit: false);
        }
    }

    private static void Sort(int count)
    {
        var items = Enumerable.Range(0, count).Select(number => new Item((number * 7919) % count)).ToArray();
        Array.Sort(items);
    }

    private static void Hash(int times)
    {
        for (var i = 0; i < times; i++)
        {
            _ = new Pair { Key = new Key(), Number = i }.GetHashCode();
        }
    }

    private static void Show(int times)
    {
        for (var i = 0; i < times; i++)
        {
            _ = string.Format("{0}", new Shown());
        }
    }

    private sealed class Key
    {
        public override int GetHashCode()
        {
            s_hashed.Add();
            return 1;
        }

        public override bool Equals(object? obj) => obj is Key;
    }

    /// <summary>Without members of its own: the runtime hashes its first field.</summary>
    private struct Pair
    {
        public Key Key;
        public int Number;
    }

    private sealed class Shown
    {
        public override string ToString()
        {
            s_shown.Add();
            return "shown";
        }
    }
}

[AttributeUsage(AttributeTargets.Class)]
public sealed class MarkAttribute : Attribute
{
    public MarkAttribute(int number)
    {
        ByTheRuntime.Constructed.Add();
        Number = number;
    }

    public int Number { get; }
}

[Mark(3)]
public sealed class Marked;

public sealed class Item(int number) : IComparable<Item>
{
    public int CompareTo(Item? other)
    {
        ByTheRuntime.Compared.Add();
        return number.CompareTo(other!.Number);
    }

    private int Number => number;
}
