using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Debuggee;

/// <summary>Every way in which a program learns files and lines of its own stack.</summary>
public static class Traces
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Thrown(int depth)
    {
        try
        {
            Deeper(depth);
            return "nothing";
        }
        catch (InvalidOperationException error)
        {
            return error.StackTrace ?? "";
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Deeper(int depth)
    {
        var here = depth * 2;
        if (depth == 0)
        {
            throw new InvalidOperationException("at the bottom");
        }

        here += Deeper(depth - 1);
        return here;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Rethrown()
    {
        try
        {
            Passing();
            return "nothing";
        }
        catch (InvalidOperationException error)
        {
            return error.StackTrace ?? "";
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Passing()
    {
        try
        {
            Deeper(1);
        }
        catch (InvalidOperationException)
        {
            Nothing();
            throw;
        }
        finally
        {
            Nothing();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Wrapped()
    {
        try
        {
            Wrapping();
            return "nothing";
        }
        catch (ArgumentException error)
        {
            return error.ToString();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Wrapping()
    {
        try
        {
            Deeper(2);
        }
        catch (InvalidOperationException error)
        {
            throw new ArgumentException("wrapped", error);
        }
    }

    /// <summary>Exceptions of the runtime itself, each on a line of its own.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Faulted(int kind)
    {
        try
        {
            return Fault(kind, []).ToString();
        }
        catch (Exception error)
        {
            return error.StackTrace ?? "";
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Fault(int kind, int[] empty)
    {
        string? text = kind == 1 ? null : "text";
        var zero = empty.Length;
        switch (kind)
        {
            case 1:
                return text!.Length;
            case 2:
                return kind / zero;
            case 3:
                return empty[kind];
            case 4:
                return (int)(object)"text";
            default:
                return checked(int.MaxValue + kind);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Current()
    {
        var before = Nothing();
        var trace = Environment.StackTrace;
        return before + trace;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Frames()
    {
        var text = "";
        for (var i = 0; i < 2; i++)
        {
            text += Frame(i);
        }

        return text;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Frame(int number)
    {
        if (number == 0)
        {
            return new StackTrace(true).ToString();
        }

        var trace = new StackTrace(true);
        var first = trace.GetFrame(0)!;
        return $"{first.GetFileName()}:{first.GetFileLineNumber()},{first.GetFileColumnNumber()} {trace}";
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Asynchronous()
    {
        try
        {
            return LaterAsync(3).GetAwaiter().GetResult();
        }
        catch (InvalidOperationException error)
        {
            return error.StackTrace ?? "";
        }
    }

    public static async Task<string> LaterAsync(int depth)
    {
        await Task.Yield();
        var text = "none";
        if (depth > 0)
        {
            text = await LaterAsync(depth - 1);
        }

        Deeper(0);
        return text;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Iterated()
    {
        try
        {
            var sum = 0;
            foreach (var number in Numbers(3))
            {
                sum += number;
            }

            return sum.ToString();
        }
        catch (InvalidOperationException error)
        {
            return error.StackTrace ?? "";
        }
    }

    public static IEnumerable<int> Numbers(int count)
    {
        for (var i = 0; i < count; i++)
        {
            yield return i;
        }

        yield return Deeper(0);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Constructed()
    {
        try
        {
            return new Fragile<string>("text").ToString() ?? "";
        }
        catch (InvalidOperationException error)
        {
            return error.StackTrace ?? "";
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Nothing() => "";

    /// <summary>The stack as the program itself sees it, below frames of many kinds; `rounds` makes their loop long.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Deep(int rounds)
    {
        var stack = new Stack<string>();
        var text = "";
        for (var i = 0; i < rounds; i++)
        {
            text = Generic(stack,
                i == rounds - 1);
        }

        return text;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Generic<T>(Stack<T> ofNothing, bool last)
    {
        Func<string> lambda = [MethodImpl(MethodImplOptions.NoInlining)] () =>
        {
            ofNothing.Clear();
            return last
                ? string.Concat(Lines())
                : "";
        };
        return lambda();
    }

    public static IEnumerable<string> Lines()
    {
        yield return "";
        foreach (var text in new[] { "", "x" })
        {
            yield return text.Length == 0 ? text :
                Later().GetAwaiter().GetResult();
        }
    }

    public static async Task<string> Later()
    {
        await Task.CompletedTask;
        using (new MemoryStream())
        {
            return Mark();
        }
    }

    /// <summary>From a finally clause that is called from a catch clause.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Handled(int depth)
    {
        try
        {
            Deeper(depth);
            return "nothing";
        }
        catch (InvalidOperationException)
        {
            Nothing();
            return Finally(); // handled-catch
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Finally()
    {
        var text = "";
        try
        {
            Nothing();
        }
        finally
        {
            text = Mark(); // handled-finally
        }

        return text;
    }

    /// <summary>Where the tests look at the stack, and the program too: its caller is the first of both.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Mark() => new StackTrace(1, true).ToString();

    public sealed class Fragile<T>
    {
        private readonly int _number;

        [MethodImpl(MethodImplOptions.NoInlining)]
        public Fragile(T value)
        {
            var check = value is null ? 0 : 1;
            Func<int> lambda = [MethodImpl(MethodImplOptions.NoInlining)] () =>
            {
                check++;
                return Deeper(0);
            };
            _number = check;
            _number += lambda();
        }

        public override string ToString() => _number.ToString();
    }
}
