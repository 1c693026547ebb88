using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;
using Protocol;

namespace Kinds;

/// <summary>How types and objects begin and end.</summary>
public static class Lives
{
    internal static Count Initialised;
    internal static Count Failed;
    internal static Count Finalised;
    internal static Count Released;
    internal static Count Disposed;
    internal static Count Again;

    public static void Register(Scenarios scenarios)
    {
        scenarios.AddOnly("StaticConstructor", words => Count.Of(ref Initialised, () => Touch(words.Int(0, 1))));
        scenarios.AddOnly("StaticConstructorThrows", words => Count.Of(ref Failed, () => TouchFailing(words.Int(0, 3))));
        scenarios.AddOnly("Finaliser", words => Count.Of(ref Finalised, () => Drop(words.Int(0, 10), () => new Mortal())));
        scenarios.AddOnly("Resurrected", words => Count.Of(ref Again, () => Drop(words.Int(0, 10), () => new Phoenix())));
        scenarios.AddOnly("SafeHandle", words => Count.Of(ref Released, () => Drop(words.Int(0, 10), () => new Handle(1))));
        scenarios.AddOnly("Dispose", words => Count.Of(ref Disposed, () => Use(words.Int(0, 10))));
    }

    /// <summary>A static constructor for each instantiation, shared code for two of them.</summary>
    private static void Touch(int which)
    {
        _ = which switch
        {
            0 => Late<int>.Value,
            1 => Late<string>.Value,
            2 => Late<object>.Value,
            3 => Late<(int, string)>.Value,
            _ => Late<List<int>>.Value,
        };
    }

    private static void TouchFailing(int times)
    {
        for (var i = 0; i < times; i++)
        {
            try
            {
                _ = Failing.Value;
            }
            catch (TypeInitializationException)
            {
            }
        }
    }

    private static void Drop(int count, Func<object> make)
    {
        Make(count, make);
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Make(int count, Func<object> make)
    {
        for (var i = 0; i < count; i++)
        {
            GC.KeepAlive(make());
        }
    }

    private static void Use(int times)
    {
        for (var i = 0; i < times; i++)
        {
            using var tool = new Tool();
        }
    }
}

public static class Late<T>
{
    public static readonly string Value;

    static Late()
    {
        Lives.Initialised.Add();
        Value = typeof(T).Name;
    }
}

public static class Failing
{
    public static readonly int Value;

    static Failing()
    {
        Lives.Failed.Add();
        Value = int.Parse("no number");
    }
}

public sealed class Mortal
{
    ~Mortal() => Lives.Finalised.Add();
}

/// <summary>Asks to be finalised a second time.</summary>
public sealed class Phoenix
{
    private bool _again;

    ~Phoenix()
    {
        Lives.Again.Add();
        if (!_again)
        {
            _again = true;
            GC.ReRegisterForFinalize(this);
        }
    }
}

/// <summary>Released by the finaliser thread, in a critical finaliser.</summary>
public sealed class Handle : SafeHandleZeroOrMinusOneIsInvalid
{
    public Handle(nint value)
        : base(ownsHandle: true) => SetHandle(value);

    protected override bool ReleaseHandle()
    {
        Lives.Released.Add();
        return true;
    }
}

public readonly ref struct Tool
{
    public void Dispose() => Lives.Disposed.Add();
}
