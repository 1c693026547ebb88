using System.Globalization;
using Target;

namespace Driver;

/// <summary>Values with a name, for what cannot be typed on a command line.</summary>
internal static class Samples
{
    public static readonly Guid Id = new("00112233-4455-6677-8899-aabbccddeeff");

    public static string? Text(string name) => name switch
    {
        "null" => null,
        "empty" => "",
        "long" => Long(1000),
        "exact" => Long(256),
        "over" => Long(257),
        "emoji" => "caf\u00e9 \U0001F600 \u65e5\u672c",
        "control" => "tab\tnewline\nquote\"backslash\\bell\u0007nul\0end\u001b[31m",
        "surrogate" => "lone\ud800high",
        "cutpair" => new string('x', 255) + "\U0001F600",
        _ => name,
    };

    public static char Letter(string name) => name switch
    {
        "nul" => '\0',
        "newline" => '\n',
        "surrogate" => '\ud800',
        _ => name[0],
    };

    public static object? Any(string name) => name switch
    {
        "null" => null,
        "string" => "a string",
        "int" => 42,
        "double" => 2.5,
        "bool" => true,
        "decimal" => 1.5m,
        "enum" => Colour.Blue,
        "array" => new[] { 1, 2, 3 },
        "point" => new Point(3, 4),
        "person" => Somebody(),
        "object" => new object(),
        "touchy" => new Touchy(),
        "delegate" => new Action(() => { }),
        "type" => typeof(string),
        "node" => Ring(),
        "tuple" => (1, "two"),
        _ => name,
    };

    public static DateTime Time(string name) => name switch
    {
        "utc" => new DateTime(2024, 2, 29, 13, 45, 59, 123, DateTimeKind.Utc).AddTicks(4567),
        "local" => new DateTime(2024, 2, 29, 13, 45, 59, DateTimeKind.Local),
        "unspecified" => new DateTime(2024, 2, 29, 13, 45, 59, DateTimeKind.Unspecified),
        "min" => DateTime.MinValue,
        "max" => DateTime.MaxValue,
        _ => DateTime.Parse(name, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind),
    };

    public static DateTimeOffset Offset(string name) => name switch
    {
        "east" => new DateTimeOffset(2024, 2, 29, 13, 45, 59, new TimeSpan(5, 30, 0)),
        "west" => new DateTimeOffset(2024, 2, 29, 23, 45, 59, new TimeSpan(-8, 0, 0)),
        "zulu" => new DateTimeOffset(2024, 2, 29, 13, 45, 59, TimeSpan.Zero),
        "min" => DateTimeOffset.MinValue,
        "max" => DateTimeOffset.MaxValue,
        _ => DateTimeOffset.Parse(name, CultureInfo.InvariantCulture),
    };

    public static Person Somebody() =>
        new Employee("Ada", 36, new Address { Street = "Main Street", Number = 12, Country = "UK" }, 1000.50m);

    /// <summary>Two nodes that point at each other, with a child each.</summary>
    public static Node Ring()
    {
        var first = new Node { Id = 1, Tag = "first" };
        var second = new Node { Id = 2, Next = first, Tag = 2 };
        first.Next = second;
        first.Children.Add(new Node { Id = 3 });
        second.Children.Add(second);
        return first;
    }

    public static Big Large(int seed) => new()
    {
        A = seed, B = seed + 1, C = seed + 2, D = seed + 3, E = seed + 0.5, F = -seed, G = $"big {seed}", H = seed,
    };

    private static string Long(int length) =>
        string.Create(length, 0, (text, _) =>
        {
            for (var i = 0; i < text.Length; i++)
            {
                text[i] = (char)('a' + (i % 26));
            }
        });
}
