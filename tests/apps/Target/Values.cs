using System.Numerics;

namespace Target;

public enum Colour
{
    Red,
    Green,
    Blue = 7,
}

[Flags]
public enum Access
{
    None = 0,
    Read = 1,
    Write = 2,
    Execute = 4,
    ReadWrite = Read | Write,
}

public enum Small : byte
{
    Least = 0,
    Most = 255,
}

public enum Large : long
{
    Least = long.MinValue,
    Most = long.MaxValue,
}

public enum Signed : sbyte
{
    Minus = -1,
    Plus = 1,
}

/// <summary>Each method answers what it was given, one for each shape of a value that fits into a word or a few.</summary>
public static class Values
{
    public static void Nothing()
    {
    }

    public static bool Boolean(bool value) => value;

    public static sbyte SByte(sbyte value) => value;

    public static byte Byte(byte value) => value;

    public static short Int16(short value) => value;

    public static ushort UInt16(ushort value) => value;

    public static int Int32(int value) => value;

    public static uint UInt32(uint value) => value;

    public static long Int64(long value) => value;

    public static ulong UInt64(ulong value) => value;

    public static nint NativeInt(nint value) => value;

    public static nuint NativeUInt(nuint value) => value;

    public static float Single(float value) => value;

    public static double Double(double value) => value;

    public static Half Half(Half value) => value;

    public static Int128 Int128(Int128 value) => value;

    public static BigInteger BigInteger(BigInteger value) => value;

    public static char Char(char value) => value;

    public static string? String(string? value) => value;

    public static object? Object(object? value) => value;

    public static Colour Colour(Colour value) => value;

    public static Access Access(Access value) => value;

    public static Small Small(Small value) => value;

    public static Large Large(Large value) => value;

    public static Signed Signed(Signed value) => value;

    public static int? NullableInt32(int? value) => value;

    public static decimal? NullableDecimal(decimal? value) => value;

    public static DateTime? NullableDateTime(DateTime? value) => value;

    public static Colour? NullableColour(Colour? value) => value;

    public static bool? NullableBoolean(bool? value) => value;

    public static decimal Decimal(decimal value) => value;

    public static DateTime DateTime(DateTime value) => value;

    public static DateTimeOffset DateTimeOffset(DateTimeOffset value) => value;

    public static DateOnly DateOnly(DateOnly value) => value;

    public static TimeOnly TimeOnly(TimeOnly value) => value;

    public static TimeSpan TimeSpan(TimeSpan value) => value;

    public static Guid Guid(Guid value) => value;

    public static Type? Type(Type? value) => value;

    public static Exception? Exception(Exception? value) => value;

    public static Func<int, int>? Delegate(Func<int, int>? value) => value;

    /// <summary>Names that look secret, and one that does not.</summary>
    public static int Secrets(string user, string password, string apiToken, string cardNumber, string authorization, string cookie, string clientSecret) =>
        user.Length + password.Length + apiToken.Length + cardNumber.Length + authorization.Length + cookie.Length + clientSecret.Length;

    public static string Mixed(int number, string text, double ratio, Colour colour, bool flag) =>
        $"{number} {text} {ratio} {colour} {flag}";

    public static long Twenty(
        byte a, sbyte b, short c, ushort d, int e, uint f, long g, ulong h, float i, double j,
        char k, bool l, string m, object n, decimal o, Guid p, DateTime q, int? r, int[] s, Colour t) =>
        a + b + c + d + e + f + g + (long)h + (long)i + (long)j + k + (l ? 1 : 0) + m.Length
        + n.ToString()!.Length + (long)o + p.ToByteArray()[0] + q.Year + (r ?? 0) + s.Length + (long)t;

    public static string Overloaded() => "()";

    public static string Overloaded(int value) => "(int)";

    public static string Overloaded(string value) => "(string)";

    public static string Overloaded(int value, string text) => "(int,string)";

    public static string Overloaded(int[] values) => "(int[])";

    public static string Overloaded(List<int> values) => "(List<int>)";

    public static string Overloaded(ref int value) => "(ref int)";

    public static string Overloaded(int? value) => "(int?)";

    public static string Overloaded<T>(T value) => "<T>(T)";
}
