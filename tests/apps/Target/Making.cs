using System.Runtime.CompilerServices;

namespace Target.Making;

public abstract class Shape
{
    protected Shape(int sides) => Sides = sides;

    public int Sides { get; }
}

/// <summary>One constructor calls the other; both call the base's.</summary>
public class Square : Shape
{
    public Square()
        : this(1)
    {
    }

    public Square(int size)
        : base(4) => Size = size;

    public int Size { get; }
}

public sealed class Cube : Square
{
    public Cube(int size)
        : base(size)
    {
    }
}

public class Ring<T> : Shape
{
    public Ring()
        : base(0)
    {
    }
}

/// <summary>Its constructor makes another one.</summary>
public sealed class Link
{
    public Link(int links) => Next = links > 1 ? new Link(links - 1) : null;

    public Link? Next { get; }
}

public readonly struct Dot
{
    public Dot(int x) => X = x;

    public int X { get; }
}

public sealed class Picky
{
    public Picky(int size)
    {
        if (size < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(size));
        }
    }
}

/// <summary>Has no constructor that was written.</summary>
public sealed class Plain
{
    public int Value;
}

public static class Maker
{
    /// <summary>Twice as many squares, one of them by the other constructor; as many cubes.</summary>
    public static int Squares(int count)
    {
        var sides = 0;
        for (var i = 0; i < count; i++)
        {
            sides += new Square().Sides + new Square(2).Sides + new Cube(3).Sides;
        }

        return sides;
    }

    public static int Rings() => new Ring<int>().Sides + new Ring<string>().Sides + new Ring<Square>().Sides;

    public static int Links(int count)
    {
        var n = 0;
        for (var link = new Link(count); link != null; link = link.Next)
        {
            n++;
        }

        return n;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Plains(int count)
    {
        var sum = 0;
        for (var i = 0; i < count; i++)
        {
            sum += new Plain { Value = i }.Value;
        }

        return sum;
    }

    public static int Reflected() => ((Square)Activator.CreateInstance(typeof(Square))!).Size + Activator.CreateInstance<Square>().Size;

    public static int Dots(int x) => new Dot(x).X;

    public static int Fail(int size) => new Picky(size).GetHashCode();
}
