using System.Numerics;
using Protocol;

namespace Kinds;

/// <summary>Generic virtual methods, which are looked up at each call.</summary>
public class Generic
{
    private static Count s_own;
    private static Count s_overridden;
    private static Count s_add;

    public static void Register(Scenarios scenarios)
    {
        scenarios.AddOnly("GenericVirtual", words => Count.Of(ref s_own, () => Say(new Generic(), words.Int(0, 10))));
        scenarios.AddOnly("GenericOverride", words => Count.Of(ref s_overridden, () => Say(new Special<string>(), words.Int(0, 10))));
        scenarios.AddOnly("GenericMath", words => Count.Of(ref s_add, () => Add(words.Int(0, 10))));
    }

    public virtual string Name<T>(T value)
    {
        s_own.Add();
        return typeof(T).Name + value;
    }

    /// <summary>A sum over any number type, by operators that are static abstract members of CoreLib.</summary>
    public static T Sum<T>(T left, T right)
        where T : INumber<T>
    {
        s_add.Add();
        return left + right;
    }

    private static void Say(Generic generic, int times)
    {
        for (var i = 0; i < times; i++)
        {
            _ = (i % 4) switch
            {
                0 => generic.Name(i),
                1 => generic.Name("text"),
                2 => generic.Name((i, "pair")),
                _ => generic.Name(new object[1]),
            };
        }
    }

    private static void Add(int times)
    {
        for (var i = 0; i < times; i++)
        {
            _ = (i % 3) switch
            {
                0 => Sum(i, 1).ToString(),
                1 => Sum(1.5m, i).ToString(),
                _ => Sum<BigInteger>(i, 1).ToString(),
            };
        }
    }

    private sealed class Special<TOwner> : Generic
    {
        public override string Name<T>(T value)
        {
            s_overridden.Add();
            return typeof(TOwner).Name + typeof(T).Name + value;
        }
    }
}
