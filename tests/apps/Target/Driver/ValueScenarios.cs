using System.Globalization;
using System.Numerics;
using Protocol;
using Target;

namespace Driver;

internal static class ValueScenarios
{
    public static void Register(Scenarios scenarios)
    {
        Numbers(scenarios);
        Texts(scenarios);
        Enums(scenarios);
        Nullables(scenarios);
        Times(scenarios);
        Many(scenarios);
        Overloads(scenarios);
    }

    private static void Numbers(Scenarios scenarios)
    {
        scenarios.Add("Values.Nothing", _ => Done(Values.Nothing));
        scenarios.Add("Values.Boolean", words => Values.Boolean(words.Text(0, "true") == "true"));
        scenarios.Add("Values.SByte", words => Values.SByte(words.Parse<sbyte>(0, -8)));
        scenarios.Add("Values.Byte", words => Values.Byte(words.Parse<byte>(0, 200)));
        scenarios.Add("Values.Int16", words => Values.Int16(words.Parse<short>(0, -1600)));
        scenarios.Add("Values.UInt16", words => Values.UInt16(words.Parse<ushort>(0, 65000)));
        scenarios.Add("Values.Int32", words => Values.Int32(words.Int(0, 42)));
        scenarios.Add("Values.UInt32", words => Values.UInt32(words.Parse(0, 4000000000u)));
        scenarios.Add("Values.Int64", words => Values.Int64(words.Parse(0, long.MinValue)));
        scenarios.Add("Values.UInt64", words => Values.UInt64(words.Parse(0, ulong.MaxValue)));
        scenarios.Add("Values.NativeInt", words => Values.NativeInt(words.Parse<nint>(0, -5)));
        scenarios.Add("Values.NativeUInt", words => Values.NativeUInt(words.Parse<nuint>(0, 5)));
        scenarios.Add("Values.Single", words => Values.Single(words.Parse(0, 1.5f)));
        scenarios.Add("Values.Double", words => Values.Double(words.Parse(0, 0.1)));
        scenarios.Add("Values.Half", words => Values.Half(words.Parse(0, (Half)0.5)));
        scenarios.Add("Values.Int128", words => Values.Int128(words.Parse(0, Int128.MaxValue)));
        scenarios.Add("Values.BigInteger", words => Values.BigInteger(words.Parse(0, BigInteger.Pow(2, 100))));
        scenarios.Add("Values.Decimal", words => Values.Decimal(words.Parse(0, -12345.6789m)));
        scenarios.Add("Values.Guid", words => Values.Guid(words.Parse(0, Samples.Id)));
    }

    private static void Texts(Scenarios scenarios)
    {
        scenarios.Add("Values.Char", words => Values.Char(Samples.Letter(words.Text(0, "a"))));
        scenarios.Add("Values.String", words => Values.String(Samples.Text(words.Text(0, "hello"))));
        scenarios.Add("Values.Object", words => Values.Object(Samples.Any(words.Text(0, "string"))));
        scenarios.Add("Values.Type", words => Values.Type(words.Text(0) == "null" ? null : typeof(List<int>))?.FullName);
        scenarios.Add("Values.Exception", _ => Values.Exception(new CodedException(7, "not thrown"))?.Message);
        scenarios.Add("Values.Delegate", _ => Values.Delegate(Math.Abs)?.Invoke(-3));
    }

    private static void Enums(Scenarios scenarios)
    {
        scenarios.Add("Values.Colour", words => Values.Colour((Colour)words.Int(0, 7)));
        scenarios.Add("Values.Access", words => Values.Access((Access)words.Int(0, 5)));
        scenarios.Add("Values.Small", words => Values.Small((Small)words.Int(0, 255)));
        scenarios.Add("Values.Large", words => Values.Large((Large)words.Parse(0, long.MinValue)));
        scenarios.Add("Values.Signed", words => Values.Signed((Signed)words.Int(0, -1)));
    }

    private static void Nullables(Scenarios scenarios)
    {
        scenarios.Add("Values.NullableInt32", words => Values.NullableInt32(IsNull(words) ? null : words.Int(0, 42)));
        scenarios.Add("Values.NullableDecimal", words => Values.NullableDecimal(IsNull(words) ? null : words.Parse(0, 1.50m)));
        scenarios.Add("Values.NullableDateTime", words => Values.NullableDateTime(IsNull(words) ? null : Samples.Time("utc")));
        scenarios.Add("Values.NullableColour", words => Values.NullableColour(IsNull(words) ? null : Colour.Blue));
        scenarios.Add("Values.NullableBoolean", words => Values.NullableBoolean(IsNull(words) ? null : true));
    }

    private static void Times(Scenarios scenarios)
    {
        scenarios.Add("Values.DateTime", words => Values.DateTime(Samples.Time(words.Text(0, "utc"))));
        scenarios.Add("Values.DateTimeOffset", words => Values.DateTimeOffset(Samples.Offset(words.Text(0, "east"))));
        scenarios.Add("Values.DateOnly", _ => Values.DateOnly(new DateOnly(2024, 2, 29)));
        scenarios.Add("Values.TimeOnly", _ => Values.TimeOnly(new TimeOnly(13, 45, 59, 123)));
        scenarios.Add("Values.TimeSpan", words => Values.TimeSpan(words.Parse(0, new TimeSpan(1, 2, 3, 4, 5))));
    }

    private static void Many(Scenarios scenarios)
    {
        scenarios.Add("Values.Secrets", _ => Values.Secrets("ada", "hunter2", "tok-1", "4111111111111111", "Bearer x", "sid=1", "shh"));
        scenarios.Add("Values.Mixed", words => Values.Mixed(words.Int(0, 7), words.Text(1, "seven"), 0.5, Colour.Green, true));
        scenarios.Add("Values.Twenty", _ => Values.Twenty(
            1, -2, 3, 4, 5, 6, 7, 8, 9.5f, 10.5, 'k', true, "twelve", 13, 14.5m, Samples.Id, Samples.Time("utc"), 17, [1, 2], Colour.Blue));
    }

    private static void Overloads(Scenarios scenarios) => scenarios.Add("Values.Overloaded", words => words.Text(0) switch
    {
        "" => Values.Overloaded(),
        "int" => Values.Overloaded(1),
        "string" => Values.Overloaded("one"),
        "int,string" => Values.Overloaded(1, "one"),
        "int[]" => Values.Overloaded(new[] { 1 }),
        "list" => Values.Overloaded(new List<int> { 1 }),
        "ref" => OverloadedByRef(),
        "nullable" => Values.Overloaded((int?)1),
        "generic" => Values.Overloaded(1.0),
        var other => throw new ProtocolException(string.Create(CultureInfo.InvariantCulture, $"no overload {other}")),
    });

    private static string OverloadedByRef()
    {
        var value = 1;
        return Values.Overloaded(ref value);
    }

    private static bool IsNull(Words words) => words.Text(0) == "null";

    private static object? Done(Action action)
    {
        action();
        return null;
    }
}
