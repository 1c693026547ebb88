namespace Target;

/// <summary>An exception whose message is null and whose other members throw: an observer reads fields, and runs nothing.</summary>
public class SilentException : Exception
{
    public override string Message => throw new InvalidOperationException("Message was run");

    public override string? StackTrace => throw new InvalidOperationException("StackTrace was run");

    public override string ToString() => throw new InvalidOperationException("ToString was run");
}

public class CodedException(int code, string message) : Exception(message)
{
    public int Code { get; } = code;
}

public class GenericException<T>(T subject) : Exception($"about {subject}")
{
    public T Subject { get; } = subject;
}

/// <summary>Control flow: exceptions and every way around them, branches, recursion.</summary>
public static class Flow
{
    public static int Throw(string message) => throw new InvalidOperationException(message);

    public static void ThrowCoded(int code) => throw new CodedException(code, $"code {code}");

    public static void ThrowSilent() => throw new SilentException();

    public static void ThrowGeneric(string subject) => throw new GenericException<string>(subject);

    public static void ThrowNested(string message)
    {
        try
        {
            Throw(message);
        }
        catch (Exception error)
        {
            throw new AggregateException("outer", error);
        }
    }

    public static int ThrowIfOdd(int value) => value % 2 == 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "odd");

    public static int Catch(string message)
    {
        try
        {
            return Throw(message);
        }
        catch (InvalidOperationException error)
        {
            return error.Message.Length;
        }
    }

    public static void Rethrow(string message)
    {
        try
        {
            Throw(message);
        }
        catch (InvalidOperationException)
        {
            throw;
        }
    }

    public static string Filter(int code)
    {
        try
        {
            ThrowCoded(code);
            return "not reached";
        }
        catch (CodedException error) when (error.Code == 1)
        {
            return "one";
        }
        catch (CodedException error) when (IsTwo(error))
        {
            return "two";
        }
        catch (Exception error) when (error is not CodedException)
        {
            return "never";
        }
    }

    public static int Finally(int value)
    {
        var result = value;
        try
        {
            if (value == 0)
            {
                return -1;
            }

            result += 1;
        }
        finally
        {
            result += 10;
            s_finallys++;
        }

        return result;
    }

    public static int FinallyThrows(int value)
    {
        try
        {
            return 100 / value;
        }
        finally
        {
            if (value < 0)
            {
                ThrowCoded(value);
            }
        }
    }

    public static int Nested(int depth)
    {
        var caught = 0;
        try
        {
            try
            {
                ThrowCoded(depth);
            }
            catch (CodedException)
            {
                try
                {
                    ThrowIfOdd(1);
                }
                catch (ArgumentException)
                {
                    caught++;
                }

                throw;
            }
            finally
            {
                caught++;
            }
        }
        catch (CodedException error)
        {
            caught += error.Code;
        }

        return caught;
    }

    public static int ThroughFrames(int depth) => depth == 0 ? Throw("deep") : ThroughFrames(depth - 1) + 1;

    public static int DivideByZero(int value, int by) => value / by;

    public static int NullReference(string? text) => text!.Length;

    public static int OutOfRange(int[] values, int index) => values[index];

    public static string Cast(object value) => (string)value;

    public static int Overflow(int value) => checked(value * value);

    public static string Switch(int value) => value switch
    {
        0 => "zero",
        1 => "one",
        2 => "two",
        3 => "three",
        4 => "four",
        5 => "five",
        6 or 7 or 8 => "several",
        _ => "many",
    };

    public static string SwitchOnText(string text) => text switch
    {
        "red" => "R",
        "green" => "G",
        "blue" => "B",
        "cyan" => "C",
        "magenta" => "M",
        "yellow" => "Y",
        "black" => "K",
        _ => "?",
    };

    public static int Using(int value)
    {
        using var first = new Resource(value);
        using var second = new Resource(value + 1);
        return first.Use() + second.Use();
    }

    public static int Lock(object gate, int value)
    {
        lock (gate)
        {
            return value + 1;
        }
    }

    public static long Factorial(int n) => n <= 1 ? 1 : n * Factorial(n - 1);

    public static long TailSum(int n, long sum) => n == 0 ? sum : TailSum(n - 1, sum + n);

    public static bool IsEven(int n) => n == 0 || IsOdd(n - 1);

    public static bool IsOdd(int n) => n != 0 && IsEven(n - 1);

    public static int ManyReturns(int value)
    {
        if (value < 0)
        {
            return -1;
        }

        for (var i = 0; i < 10; i++)
        {
            if (value == i)
            {
                return i * i;
            }
        }

        while (value > 100)
        {
            value /= 2;
            if (value % 7 == 0)
            {
                return 7;
            }
        }

        return value;
    }

    private static int s_finallys;

    public static int Finallys => s_finallys;

    private static bool IsTwo(CodedException error) => error.Code == 2;

    private sealed class Resource(int value) : IDisposable
    {
        public int Use() => value;

        public void Dispose() => s_finallys++;
    }
}
