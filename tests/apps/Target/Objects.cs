using System.Runtime.InteropServices;

namespace Target;

public struct Point
{
    public int X;
    public int Y;

    public Point(int x, int y)
    {
        X = x;
        Y = y;
    }

    public readonly int Sum() => X + Y;

    public void Move(int dx, int dy)
    {
        X += dx;
        Y += dy;
    }

    public readonly override string ToString() => $"({X},{Y})";
}

public struct Line
{
    public Point From;
    public Point To;
    public string? Label;
}

/// <summary>Sixty-four bytes: given and taken by a hidden pointer.</summary>
public struct Big
{
    public long A;
    public long B;
    public long C;
    public long D;
    public double E;
    public double F;
    public string? G;
    public object? H;
}

[StructLayout(LayoutKind.Explicit)]
public struct Overlaid
{
    [FieldOffset(0)]
    public int Whole;

    [FieldOffset(0)]
    public byte First;

    [FieldOffset(1)]
    public byte Second;
}

public struct Empty
{
}

public readonly record struct Reading(DateTime At, double Value, Colour? Colour);

public record Person(string Name, int Age, Address? Address);

public record Employee(string Name, int Age, Address? Address, decimal Salary) : Person(Name, Age, Address);

public class Address
{
    public const string Planet = "Earth";
    public static int Created;
    public string Street = "";
    public int Number;
    public string? Country { get; set; }
}

public class Customer
{
    private readonly string _name;
    private readonly string _password;
    private int _visits;

    public Customer(string name, string password)
    {
        _name = name;
        _password = password;
    }

    public int Visit(string page)
    {
        _visits++;
        return _visits + page.Length;
    }

    public bool Knows(string password) => _password == password;

    public override string ToString() => _name;
}

/// <summary>Two of them may point at each other.</summary>
public class Node
{
    public int Id;
    public Node? Next;
    public List<Node> Children = [];
    public object? Tag;
}

/// <summary>ToString, Equals and GetHashCode throw: no observer may call them.</summary>
public class Touchy
{
    public int Number = 42;

    public string Property => throw new InvalidOperationException("a getter was run");

    public override string ToString() => throw new InvalidOperationException("ToString was run");

    public override bool Equals(object? obj) => throw new InvalidOperationException("Equals was run");

    public override int GetHashCode() => throw new InvalidOperationException("GetHashCode was run");
}

/// <summary>Each method answers what it was given; structs and objects.</summary>
public static class Objects
{
    public static Point Point(Point value) => value;

    public static Line Line(Line value) => value;

    public static Big Big(Big value) => value;

    public static Overlaid Overlaid(Overlaid value) => value;

    public static Empty Empty(Empty value) => value;

    public static Reading Reading(Reading value) => value;

    public static Person Person(Person value) => value;

    public static Address? Address(Address? value) => value;

    public static Node Node(Node value) => value;

    public static Touchy Touchy(Touchy value) => value;

    public static Customer Customer(Customer value) => value;

    public static object Boxed(object value) => value;

    public static Point? NullablePoint(Point? value) => value;

    public static Big ManyBig(Big first, int between, Big second) => between > 0 ? first : second;

    public static object Anonymous(int number)
    {
        var anonymous = new { Number = number, Text = "anonymous" };
        return anonymous;
    }
}
