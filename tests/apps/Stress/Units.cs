using System.Text;

namespace Stress;

public interface ISummer
{
    long Sum(IReadOnlyList<int> numbers);
}

public sealed class Summer(int scale) : ISummer
{
    public long Sum(IReadOnlyList<int> numbers)
    {
        long sum = 0;
        foreach (var number in numbers)
        {
            sum += (long)number * scale;
        }

        return sum;
    }
}

public struct Wide
{
    public string Name;
    public long A;
    public long B;
    public object Tag;
}

public sealed class MarkedException(int mark) : Exception($"mark {mark}")
{
    public int Mark { get; } = mark;
}

/// <summary>
/// Pieces of work with a known result, that keep references in arguments, locals, structs, spans and frames while the
/// collector moves what they refer to. A wrong result means that somebody has corrupted the process.
/// </summary>
public static class Units
{
    public static long Run(int seed) =>
        Texts(seed) + Lists(seed) + Boxes(seed) + Exceptions(seed) + Spans(seed) + Structs(seed) + Closures(seed) + Waits(seed).Result;

    public static long Texts(int seed)
    {
        var text = new StringBuilder();
        for (var i = 0; i < 20; i++)
        {
            text.Append(Joined($"{seed}", i, 'x'));
        }

        return Hash(text.ToString(), new string('y', seed % 7));
    }

    public static string Joined(string left, int right, char between) => left + between + right;

    public static long Hash(string text, string salt)
    {
        long hash = salt.Length;
        foreach (var letter in text)
        {
            hash = (hash * 31) + letter;
        }

        return hash & 0xffffff;
    }

    public static long Lists(int seed)
    {
        var numbers = new List<int>();
        var names = new Dictionary<string, List<int>>();
        for (var i = 0; i < 50; i++)
        {
            numbers.Add(Mix(seed, i));
            if (!names.TryGetValue($"key {i % 5}", out var values))
            {
                names.Add($"key {i % 5}", values = []);
            }

            values.Add(i);
        }

        ISummer summer = new Summer(seed % 3 + 1);
        return summer.Sum(numbers) + names.Values.Sum(values => values.Count);
    }

    public static int Mix(int left, int right) => ((left * 131) + right) % 1009;

    public static long Boxes(int seed) =>
        Both(seed, $"{seed}").Second.Length + Both($"{seed}", new Wide { A = seed }).Second.A + (Echo<object>(seed) is int number ? number : -1);

    public static (TFirst First, TSecond Second) Both<TFirst, TSecond>(TFirst first, TSecond second) => (Echo(first), Echo(second));

    public static T Echo<T>(T value) => value;

    public static long Exceptions(int seed)
    {
        long total = 0;
        try
        {
            Descend(seed % 8 + 1, new string('e', 5), ref total);
        }
        catch (MarkedException error) when (error.Mark % 2 == 0)
        {
            total += error.Mark;
        }
        catch (MarkedException error)
        {
            total += error.Message.Length;
        }
        finally
        {
            total *= 2;
        }

        return total;
    }

    public static void Descend(int depth, string carried, ref long total)
    {
        if (depth == 0)
        {
            throw new MarkedException(carried.Length);
        }

        try
        {
            Descend(depth - 1, carried + depth, ref total);
        }
        finally
        {
            total += carried.Length;
        }
    }

    public static long Spans(int seed)
    {
        var numbers = new int[64];
        for (var i = 0; i < numbers.Length; i++)
        {
            numbers[i] = seed + i;
        }

        ref var middle = ref Middle(numbers);
        var part = Part(numbers, 8, 16);
        middle += part.Length;
        return Total(part) + numbers[32] + Waste(seed);
    }

    public static ref int Middle(int[] numbers) => ref numbers[numbers.Length / 2];

    public static Span<int> Part(Span<int> numbers, int from, int count) => numbers.Slice(from, count);

    public static long Total(ReadOnlySpan<int> numbers)
    {
        long total = 0;
        foreach (ref readonly var number in numbers)
        {
            total += number;
        }

        return total;
    }

    public static int Waste(int seed) => new byte[1000 + seed].Length + new object[] { new(), "waste" }.Length;

    public static long Structs(int seed)
    {
        var wide = Widen(new Wide { Name = $"wide {seed}", A = seed, B = -seed, Tag = new List<int> { seed } }, seed);
        return wide.Name.Length + wide.A + wide.B + ((List<int>)wide.Tag)[0];
    }

    public static Wide Widen(Wide wide, int by) => wide with { A = wide.A + by, Name = wide.Name + "!" };

    public static long Closures(int seed)
    {
        var seen = new List<string>();
        Func<int, string> remember = number =>
        {
            seen.Add($"{seed}:{number}");
            return seen[^1];
        };
        return Enumerable.Range(0, 10).Select(remember).Where(text => text.EndsWith('3') || text.Length > 3).Sum(text => (long)text.Length);
    }

    public static async Task<long> Waits(int seed)
    {
        var first = await Later($"later {seed}").ConfigureAwait(false);
        return first.Length + await new ValueTask<int>(seed).ConfigureAwait(false);
    }

    public static async Task<string> Later(string text)
    {
        await Task.Yield();
        return text;
    }
}
