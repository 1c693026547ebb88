namespace Target;

/// <summary>Each method answers what it was given, one for each shape of a value that holds other values.</summary>
public static class Collections
{
    public static int[]? Ints(int[]? value) => value;

    public static byte[]? Bytes(byte[]? value) => value;

    public static bool[] Booleans(bool[] value) => value;

    public static char[] Chars(char[] value) => value;

    public static double[] Doubles(double[] value) => value;

    public static string?[] Strings(string?[] value) => value;

    public static object?[] Objects(object?[] value) => value;

    public static Colour[] Colours(Colour[] value) => value;

    public static decimal[] Decimals(decimal[] value) => value;

    public static Guid[] Guids(Guid[] value) => value;

    public static Point[] Points(Point[] value) => value;

    public static int?[] Nullables(int?[] value) => value;

    public static int[,] TwoDimensions(int[,] value) => value;

    public static string[,,] ThreeDimensions(string[,,] value) => value;

    public static int[][] Jagged(int[][] value) => value;

    public static Array NotZeroBased(Array value) => value;

    public static List<int>? ListOfInts(List<int>? value) => value;

    public static List<string> ListOfStrings(List<string> value) => value;

    public static List<object?> ListOfObjects(List<object?> value) => value;

    public static List<Point> ListOfPoints(List<Point> value) => value;

    public static Dictionary<string, int> Dictionary(Dictionary<string, int> value) => value;

    public static HashSet<int> HashSet(HashSet<int> value) => value;

    public static IEnumerable<int> Enumerable(IEnumerable<int> value) => value;

    public static int Span(Span<int> value) => value.Length;

    public static int ReadOnlySpan(ReadOnlySpan<char> value) => value.Length;

    public static int SpanOfStrings(ReadOnlySpan<string> value) => value.Length;

    public static Span<byte> SpanBack(Span<byte> value) => value[1..];

    public static Memory<int> Memory(Memory<int> value) => value;

    public static ReadOnlyMemory<char> ReadOnlyMemory(ReadOnlyMemory<char> value) => value;

    public static ArraySegment<int> Segment(ArraySegment<int> value) => value;

    public static (int Number, string Text) ValueTuple((int Number, string Text) value) => value;

    public static (int, int, int, int, int, int, int, string) LongTuple((int, int, int, int, int, int, int, string) value) => value;

    public static Tuple<int, string> Tuple(Tuple<int, string> value) => value;

    public static KeyValuePair<string, int> Pair(KeyValuePair<string, int> value) => value;

    public static int Params(params string[] words) => words.Length;
}
