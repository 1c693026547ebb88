using System.Runtime.CompilerServices;

namespace Target;

/// <summary>Work of known amount, for counts, times and stacks; small methods that the JIT inlines.</summary>
public static class Work
{
    private static readonly ManualResetEventSlim Gate = new(false);
    private static int s_blocked;
    private static long s_sink;

    public static int Add(int left, int right) => left + right;

    public static int Length(string text) => text.Length;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int AlwaysInlined(int value) => value ^ 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int NeverInlined(int value) => value + 1;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Optimised(int value) => value * 3;

    [MethodImpl(MethodImplOptions.Synchronized)]
    public static int Synchronized(int value) => value - 1;

    /// <summary>Calls Add as often as it is told: in tier 1 and after on-stack replacement Add has no code of its own here.</summary>
    public static long SpinAdd(int times)
    {
        long sum = 0;
        for (var i = 0; i < times; i++)
        {
            sum += Add(i, 1);
        }

        return sum;
    }

    public static long SpinAlwaysInlined(int times)
    {
        long sum = 0;
        for (var i = 0; i < times; i++)
        {
            sum += AlwaysInlined(i);
        }

        return sum;
    }

    public static long SpinNeverInlined(int times)
    {
        long sum = 0;
        for (var i = 0; i < times; i++)
        {
            sum += NeverInlined(i);
        }

        return sum;
    }

    public static int SpinList(int times)
    {
        var list = new List<int>();
        for (var i = 0; i < times; i++)
        {
            list.Add(i);
        }

        return list.Count;
    }

    public static void Sleep(int milliseconds) => Thread.Sleep(milliseconds);

    /// <summary>Returns when released; how many are inside is known.</summary>
    public static int Block(int value)
    {
        Interlocked.Increment(ref s_blocked);
        Gate.Wait();
        Interlocked.Decrement(ref s_blocked);
        return value;
    }

    public static int Busy(int iterations)
    {
        var state = 1u;
        for (var i = 0; i < iterations; i++)
        {
            state = (state * 1664525) + 1013904223;
        }

        return (int)(state >> 1);
    }

    /// <summary>Garbage with references in it, and a sum that is wrong if the collector was misled.</summary>
    public static int Allocate(int count)
    {
        var strings = new string[count];
        for (var i = 0; i < count; i++)
        {
            strings[i] = Keep(new string('x', i % 50), new object());
        }

        return strings.Sum(text => text.Length);
    }

    public static string Keep(string text, object beside) => beside is null ? "" : text;

    public static int Callee(int value) => value + 1;

    public static int CallerOne(int value) => Callee(value) + 1;

    public static int CallerTwo(int value) => Callee(value) + Callee(value);

    public static int Descend(int depth) => depth == 0 ? Callee(0) : Descend(depth - 1);

    public static void Release() => Gate.Set();

    /// <summary>Not called by anything that a test does not ask for; waits until so many threads are in Block.</summary>
    public static void AwaitBlocked(int threads) => SpinWait.SpinUntil(() => Volatile.Read(ref s_blocked) == threads);

    /// <summary>Closes the gate again, once everybody has left.</summary>
    public static void Reset()
    {
        AwaitBlocked(0);
        Gate.Reset();
    }

    public static void Consume(long value) => Interlocked.Add(ref s_sink, value);
}

/// <summary>A static constructor that runs at the first access, and a finaliser.</summary>
public sealed class Mortal
{
    private static readonly int Born;
    private readonly int _number;

    static Mortal() => Born = 1;

    public Mortal(int number) => _number = number + Born;

    ~Mortal() => Interlocked.Increment(ref s_finalised);

    public static int Finalised => Volatile.Read(ref s_finalised);

    private static int s_finalised;

    public int Number() => _number;
}

public class Base
{
    public Base(int number) => Number = number;

    public Base()
        : this(1)
    {
    }

    public int Number { get; }

    public virtual string Describe(string how) => $"Base {how}";
}

public class Derived : Base
{
    private readonly string _name;

    public Derived(string name)
        : base(Checked(name).Length) => _name = name;

    public Derived()
        : this("derived")
    {
    }

    public override string Describe(string how) => $"{_name} {base.Describe(how)}";

    private static string Checked(string name) => name.Length > 0 ? name : throw new ArgumentException("empty", nameof(name));
}
