using System.Numerics;
using System.Runtime.CompilerServices;

namespace Target.Generics;

public class Box<T>(T value)
{
    private static int _made;
    private T _value = value;

    public T Value
    {
        get => _value;
        set => _value = value;
    }

    public static int Made => _made;

    public static Box<T> Make(T value)
    {
        _made++;
        return new Box<T>(value);
    }

    public T Swap(T value)
    {
        var old = _value;
        _value = value;
        return old;
    }

    public TOut Map<TOut>(Func<T, TOut> map) => map(_value);

    public override string ToString() => $"Box of {_value}";

    public class Inner<TInner>
    {
        public (T? First, TInner? Second) Both(T? first, TInner? second) => (first, second);
    }

    public struct Slot
    {
        public T Held;

        public T Take(T instead)
        {
            var held = Held;
            Held = instead;
            return held;
        }
    }
}

public static class Functions
{
    public static T Identity<T>(T value) => value;

    public static T? Default<T>() => default;

    public static string NameOf<T>(T value) => typeof(T).Name;

    public static TOut Convert<TIn, TOut>(TIn value, Func<TIn, TOut> convert) => convert(value);

    public static T New<T>()
        where T : new() => new();

    public static T Largest<T>(T left, T right)
        where T : IComparable<T> => left.CompareTo(right) >= 0 ? left : right;

    public static string Text<T>(T value)
        where T : struct => value.ToString()!;

    public static T Add<T>(T left, T right)
        where T : INumber<T> => left + right;

    public static int LengthOf<T>(T[] values, List<T> list) => values.Length + list.Count;

    public static int SizeOf<T>()
        where T : unmanaged => Unsafe.SizeOf<T>();

    public static T Deep<T>(int depth, T value) => depth == 0 ? value : Deep(depth - 1, new Box<T>(value)).Value;
}

public abstract class Shape
{
    public abstract double Area();

    public virtual TResult Visit<TResult>(Func<Shape, TResult> visit) => visit(this);
}

public class Circle(double radius) : Shape
{
    public override double Area() => Math.PI * radius * radius;

    public override TResult Visit<TResult>(Func<Shape, TResult> visit) => base.Visit(visit);
}

public sealed class Square(double side) : Shape
{
    public override double Area() => side * side;
}

public interface IGreeter
{
    string Name { get; }

    string Greet(string whom) => $"{Name} greets {whom}";

    static virtual string Language => "none";

    static abstract IGreeter Create(string name);
}

public sealed class Greeter(string name) : IGreeter
{
    public string Name => name;

    public static IGreeter Create(string name) => new Greeter(name);
}

public sealed class Shouter(string name) : IGreeter, IFormattable, IComparable<Shouter>
{
    private readonly string _name = name;

    public static string Language => "loud";

    string IGreeter.Name => _name.ToUpperInvariant();

    static IGreeter IGreeter.Create(string name) => new Shouter(name);

    string IGreeter.Greet(string whom) => $"{_name}! {whom}!";

    string IFormattable.ToString(string? format, IFormatProvider? provider) => $"{format}:{_name}";

    public int CompareTo(Shouter? other) => string.CompareOrdinal(_name, other?._name);
}

public static class Greetings
{
    public static string Through<T>(string name)
        where T : IGreeter => $"{T.Language}: {T.Create(name).Greet("you")}";
}

public readonly struct Money(long cents) : IEquatable<Money>
{
    public long Cents => cents;

    public static Money operator +(Money left, Money right) => new(left.Cents + right.Cents);

    public static Money operator -(Money money) => new(-money.Cents);

    public static bool operator ==(Money left, Money right) => left.Equals(right);

    public static bool operator !=(Money left, Money right) => !left.Equals(right);

    public static implicit operator Money(int euros) => new(euros * 100L);

    public static explicit operator decimal(Money money) => money.Cents / 100m;

    public bool Equals(Money other) => Cents == other.Cents;

    public override bool Equals(object? obj) => obj is Money other && Equals(other);

    public override int GetHashCode() => Cents.GetHashCode();
}

public sealed class Table
{
    private readonly Dictionary<(int Row, string Column), string> _cells = [];

    public event EventHandler<string>? Changed;

    public int Count => _cells.Count;

    public string Title { get; init; } = "untitled";

    public string this[int row, string column]
    {
        get => _cells.GetValueOrDefault((row, column), "");
        set
        {
            _cells[(row, column)] = value;
            Changed?.Invoke(this, value);
        }
    }
}
