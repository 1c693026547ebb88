using Protocol;
using Target;
using Target.Generics;

namespace Driver;

internal static class GenericScenarios
{
    private static readonly Table Cells = new() { Title = "cells" };

    public static void Register(Scenarios scenarios)
    {
        Boxes(scenarios);
        Methods(scenarios);
        Interfaces(scenarios);
        Members(scenarios);
    }

    private static object? ByKind(Words words, Func<object?> onInt, Func<object?> onString, Func<object?> onPoint) =>
        words.Text(0, "int") switch
        {
            "int" => onInt(),
            "string" => onString(),
            "point" => onPoint(),
            var other => throw new ProtocolException($"no type argument {other} (int, string, point)"),
        };

    private static void Boxes(Scenarios scenarios)
    {
        scenarios.Add("Generics.Box<T>.Swap", words => ByKind(
            words,
            () => new Box<int>(1).Swap(2),
            () => new Box<string>("one").Swap("two"),
            () => new Box<Point>(new Point { X = 1 }).Swap(default).ToString()),
            new Calls("Generics.Box<T>..ctor", 1));
        scenarios.Add("Generics.Box<T>.Make", words => ByKind(
            words,
            () => Box<int>.Make(1).ToString(),
            () => Box<string>.Make("one").ToString(),
            () => Box<Point>.Make(default).ToString()),
            new Calls("Generics.Box<T>..ctor", 1), new Calls("Generics.Box<T>.ToString", 1));
        scenarios.Add("Generics.Box<T>.Map", _ => new Box<string>("four").Map(text => text.Length), new Calls("Generics.Box<T>..ctor", 1));
        scenarios.Add("Generics.Box<T>.Value", _ => new Box<int>(5).Value, new Calls("Generics.Box<T>..ctor", 1));
        scenarios.Add("Generics.Box<T>+Inner<TInner>.Both", _ => new Box<int>.Inner<string>().Both(1, "two").ToString());
        scenarios.Add("Generics.Box<T>+Slot.Take", _ => Take());
    }

    private static void Methods(Scenarios scenarios)
    {
        scenarios.Add("Generics.Functions.Identity", words => ByKind(
            words,
            () => Functions.Identity(1),
            () => Functions.Identity("one"),
            () => Functions.Identity(new Point { X = 1 }).ToString()));
        scenarios.Add("Generics.Functions.Default", words => ByKind(
            words,
            () => Functions.Default<int>(),
            () => Functions.Default<string>(),
            () => Functions.Default<Point>().ToString()));
        scenarios.Add("Generics.Functions.NameOf", words => ByKind(
            words,
            () => Functions.NameOf(1),
            () => Functions.NameOf("one"),
            () => Functions.NameOf(default(Point))));
        scenarios.Add("Generics.Functions.Convert", _ => Functions.Convert("text", text => text.Length));
        scenarios.Add("Generics.Functions.New", _ => Functions.New<List<int>>().Count);
        scenarios.Add("Generics.Functions.Largest", words => Functions.Largest(words.Int(0, 3), words.Int(1, 5)));
        scenarios.Add("Generics.Functions.Text", _ => Functions.Text(1.5m));
        scenarios.Add("Generics.Functions.Add", _ => Functions.Add(1.5, 2.0));
        scenarios.Add("Generics.Functions.LengthOf", _ => Functions.LengthOf(["one"], ["two"]));
        scenarios.Add("Generics.Functions.SizeOf", _ => Functions.SizeOf<Point>());
        scenarios.Add("Generics.Functions.Deep", words => Functions.Deep(3, words.Int(0, 9)).ToString(),
            new Calls("Generics.Functions.Deep", 3));
    }

    private static void Interfaces(Scenarios scenarios)
    {
        scenarios.Add("Generics.Shape.Visit", _ => new Square(2).Visit(shape => shape.Area()), new Calls("Generics.Square.Area", 1));
        scenarios.Add("Generics.Circle.Visit", _ => new Circle(1).Visit(shape => shape.Area() > 3),
            new Calls("Generics.Shape.Visit", 1), new Calls("Generics.Circle.Area", 1));
        scenarios.Add("Generics.IGreeter.Greet", words => ((IGreeter)new Greeter("Ada")).Greet(words.Text(0, "Bob")));
        scenarios.Add("Generics.Greetings.Through", words => words.Text(0) == "shouter"
            ? Greetings.Through<Shouter>("ada")
            : Greetings.Through<Greeter>("Ada"));
        scenarios.Add("Generics.Shouter.Target.Generics.IGreeter.Greet", _ => ((IGreeter)new Shouter("Ada")).Greet("Bob"));
        scenarios.Add("Generics.Shouter.System.IFormattable.ToString", _ => ((IFormattable)new Shouter("Ada")).ToString("F", null));
        scenarios.Add("Generics.Shouter.CompareTo", _ => new Shouter("a").CompareTo(new Shouter("b")));
    }

    private static void Members(Scenarios scenarios)
    {
        scenarios.Add("Generics.Money.op_Addition", words => (new Money(150) + new Money(words.Int(0, 50))).Cents);
        scenarios.Add("Generics.Money.op_UnaryNegation", _ => (-new Money(150)).Cents);
        scenarios.Add("Generics.Money.op_Implicit", _ => ((Money)3).Cents);
        scenarios.Add("Generics.Money.op_Explicit", _ => (decimal)new Money(150));
        scenarios.Add("Generics.Money.op_Equality", _ => new Money(1) == new Money(1));
        scenarios.Add("Generics.Table.set_Item", words => Cells[words.Int(0, 1), "A"] = words.Text(1, "cell"));
        scenarios.Add("Generics.Table.get_Item", words => Cells[words.Int(0, 1), "A"]);
        scenarios.Add("Generics.Table.Count", _ => Cells.Count);
        scenarios.Add("Generics.Table.Title", _ => Cells.Title);
        scenarios.Add("Generics.Table.add_Changed", _ => Subscribe());
    }

    private static string Take()
    {
        var slot = new Box<string>.Slot { Held = "held" };
        return slot.Take("other") + " " + slot.Held;
    }

    private static object? Subscribe()
    {
        var table = new Table();
        var seen = "";
        table.Changed += (_, value) => seen = value;
        table[1, "B"] = "changed";
        return seen;
    }
}
