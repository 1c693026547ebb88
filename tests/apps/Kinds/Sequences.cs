using System.Collections;
using System.Runtime.CompilerServices;
using Protocol;

namespace Kinds;

/// <summary>Iterators, lambdas, local functions: what the compiler moves into classes of its own.</summary>
public static class Sequences
{
    private static long s_disposed;
    private static Count s_local;
    private static Count s_lambda;
    private static Count s_filter;

    public static void Register(Scenarios scenarios)
    {
        scenarios.AddOnly("Iterator", words => Through(words.Int(0, 10)));
        scenarios.AddOnly("IteratorLeft", words => Left(words.Int(0, 10)));
        scenarios.AddOnly("IteratorOld", words => ThroughOld(words.Int(0, 10)));
        scenarios.AddOnly("LocalFunction", words => LocalFunctions(words.Int(0, 10)));
        scenarios.AddOnly("Lambda", words => Lambdas(words.Int(0, 10)));
        scenarios.AddOnly("FilterCalls", words => Filters(words.Int(0, 10)));
    }

    public static IEnumerable<int> Walk(int last)
    {
        try
        {
            for (var i = 1; i <= last; i++)
            {
                yield return i;
            }
        }
        finally
        {
            s_disposed++;
        }
    }

    public static IEnumerator Old(int last)
    {
        for (var i = 1; i <= last; i++)
        {
            yield return i;
        }
    }

    /// <summary>MoveNext: once for each item and once for the end.</summary>
    private static long Through(int last)
    {
        long calls = 1;
        foreach (var item in Walk(last))
        {
            calls += item > 0 ? 1 : 0;
        }

        return calls;
    }

    /// <summary>Dispose of an iterator that was left in the middle, which runs its finally.</summary>
    private static long Left(int times)
    {
        var before = s_disposed;
        for (var i = 0; i < times; i++)
        {
            foreach (var item in Walk(5))
            {
                if (item == 2)
                {
                    break;
                }
            }
        }

        return s_disposed - before;
    }

    private static long ThroughOld(int last)
    {
        long calls = 1;
        for (var items = Old(last); items.MoveNext(); calls++)
        {
        }

        return calls;
    }

    private static long LocalFunctions(int times)
    {
        return Count.Of(ref s_local, () =>
        {
            for (var i = 0; i < times; i++)
            {
                Twice(i);
            }
        });

        [MethodImpl(MethodImplOptions.NoInlining)]
        static int Twice(int value)
        {
            s_local.Add();
            return value * 2;
        }
    }

    private static long Lambdas(int times)
    {
        Func<int, int> thrice = static value =>
        {
            s_lambda.Add();
            return value * 3;
        };
        return Count.Of(ref s_lambda, () =>
        {
            for (var i = 0; i < times; i++)
            {
                thrice(i);
            }
        });
    }

    /// <summary>Called in the first pass of exception handling, with the frames that threw still there.</summary>
    private static long Filters(int times) => Count.Of(ref s_filter, () =>
    {
        for (var i = 0; i < times; i++)
        {
            try
            {
                throw new InvalidOperationException();
            }
            catch (InvalidOperationException) when (Wanted(i))
            {
            }
            catch (InvalidOperationException)
            {
            }
        }
    });

    private static bool Wanted(int number)
    {
        s_filter.Add();
        return number % 2 == 0;
    }
}
