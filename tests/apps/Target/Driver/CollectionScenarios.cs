using Protocol;
using Target;

namespace Driver;

internal static class CollectionScenarios
{
    public static void Register(Scenarios scenarios)
    {
        Arrays(scenarios);
        ManyDimensions(scenarios);
        Lists(scenarios);
        Spans(scenarios);
        Tuples(scenarios);
    }

    private static int[] Numbers(int count) => Enumerable.Range(1, count).ToArray();

    private static void Arrays(Scenarios scenarios)
    {
        scenarios.Add("Collections.Ints", words => Collections.Ints(words.Text(0) == "null" ? null : Numbers(words.Int(0, 3))));
        scenarios.Add("Collections.Bytes", _ => Collections.Bytes([0, 127, 255]));
        scenarios.Add("Collections.Booleans", _ => Collections.Booleans([true, false]));
        scenarios.Add("Collections.Chars", _ => Collections.Chars(['a', '\n', '\u00e9']));
        scenarios.Add("Collections.Doubles", _ => Collections.Doubles([1.5, double.NaN, double.PositiveInfinity, -0.0]));
        scenarios.Add("Collections.Strings", _ => Collections.Strings(["one", null, "", "\U0001F600"]));
        scenarios.Add("Collections.Objects", _ => Collections.Objects([1, "two", null, 3.5, new Point(4, 4), new[] { 5 }]));
        scenarios.Add("Collections.Colours", _ => Collections.Colours([Colour.Red, Colour.Blue, (Colour)99]));
        scenarios.Add("Collections.Decimals", _ => Collections.Decimals([1.10m, -0.01m, decimal.MaxValue]));
        scenarios.Add("Collections.Guids", _ => Collections.Guids([Samples.Id, Guid.Empty]));
        scenarios.Add("Collections.Points", _ => Collections.Points([new Point(1, 2), new Point(3, 4)]));
        scenarios.Add("Collections.Nullables", _ => Collections.Nullables([1, null, 3]));
        scenarios.Add("Collections.Params", words => Collections.Params(words.ToArray()));
    }

    private static void ManyDimensions(Scenarios scenarios)
    {
        scenarios.Add("Collections.TwoDimensions", _ => Collections.TwoDimensions(new[,] { { 1, 2, 3 }, { 4, 5, 6 } }));
        scenarios.Add("Collections.ThreeDimensions", _ => Collections.ThreeDimensions(new[, ,] { { { "a", "b" } } }));
        scenarios.Add("Collections.Jagged", _ => Collections.Jagged([[1], [2, 3], []]));
        scenarios.Add("Collections.NotZeroBased", _ => Collections.NotZeroBased(Array.CreateInstance(typeof(int), [3], [5])));
    }

    private static void Lists(Scenarios scenarios)
    {
        scenarios.Add("Collections.ListOfInts", words => Collections.ListOfInts(words.Text(0) == "null" ? null : [.. Numbers(words.Int(0, 3))]));
        scenarios.Add("Collections.ListOfStrings", _ => Collections.ListOfStrings(["one", "two"]));
        scenarios.Add("Collections.ListOfObjects", _ => Collections.ListOfObjects([1, "two", null]));
        scenarios.Add("Collections.ListOfPoints", _ => Collections.ListOfPoints([new Point(1, 2)]));
        scenarios.Add("Collections.Dictionary", _ => Collections.Dictionary(new Dictionary<string, int> { ["one"] = 1 }).Count);
        scenarios.Add("Collections.HashSet", _ => Collections.HashSet([1, 2, 2]));
        scenarios.Add("Collections.Enumerable", _ => Collections.Enumerable(Numbers(3).Where(number => number > 1)));
    }

    private static void Spans(Scenarios scenarios)
    {
        scenarios.Add("Collections.Span", words => Collections.Span(Numbers(words.Int(0, 3))));
        scenarios.Add("Collections.ReadOnlySpan", words => Collections.ReadOnlySpan(words.Text(0, "a span")));
        scenarios.Add("Collections.SpanOfStrings", _ => Collections.SpanOfStrings((string[])["one", "two"]));
        scenarios.Add("Collections.SpanBack", _ => Collections.SpanBack(stackalloc byte[] { 1, 2, 3 }).Length);
        scenarios.Add("Collections.Memory", _ => Collections.Memory(Numbers(3)).Length);
        scenarios.Add("Collections.ReadOnlyMemory", _ => Collections.ReadOnlyMemory("memory".AsMemory(1, 3)).Length);
        scenarios.Add("Collections.Segment", _ => Collections.Segment(new ArraySegment<int>(Numbers(5), 1, 3)));
    }

    private static void Tuples(Scenarios scenarios)
    {
        scenarios.Add("Collections.ValueTuple", _ => Collections.ValueTuple((1, "two")).Text);
        scenarios.Add("Collections.LongTuple", _ => Collections.LongTuple((1, 2, 3, 4, 5, 6, 7, "eight")).Item8);
        scenarios.Add("Collections.Tuple", _ => Collections.Tuple(Tuple.Create(1, "two")).Item2);
        scenarios.Add("Collections.Pair", _ => Collections.Pair(KeyValuePair.Create("key", 5)).Value);
    }
}
