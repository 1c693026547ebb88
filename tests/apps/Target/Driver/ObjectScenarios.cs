using Protocol;
using Target;

namespace Driver;

internal static class ObjectScenarios
{
    private static readonly Customer Regular = new("Grace", "hunter2");

    public static void Register(Scenarios scenarios)
    {
        Structs(scenarios);
        Classes(scenarios);
        This(scenarios);
        Lives(scenarios);
    }

    private static void Structs(Scenarios scenarios)
    {
        scenarios.Add("Objects.Point", _ => Objects.Point(new Point(3, 4)).ToString());
        scenarios.Add("Objects.Line", _ => Objects.Line(new Line { From = new Point(1, 2), To = new Point(3, 4), Label = "line" }).Label);
        scenarios.Add("Objects.Big", words => Objects.Big(Samples.Large(words.Int(0, 1))).G);
        scenarios.Add("Objects.ManyBig", words => Objects.ManyBig(Samples.Large(1), words.Int(0, 1), Samples.Large(2)).G);
        scenarios.Add("Objects.Overlaid", _ => Objects.Overlaid(new Overlaid { Whole = 0x0201 }).Second);
        scenarios.Add("Objects.Empty", _ => Objects.Empty(default).GetType().Name);
        scenarios.Add("Objects.Reading", _ => Objects.Reading(new Reading(Samples.Time("utc"), 20.5, null)).Value);
        scenarios.Add("Objects.NullablePoint", words => Objects.NullablePoint(words.Text(0) == "null" ? null : new Point(5, 6))?.Sum());
        scenarios.Add("Objects.Boxed", words => Objects.Boxed(Samples.Any(words.Text(0, "point"))!).GetType().Name);
    }

    private static void Classes(Scenarios scenarios)
    {
        scenarios.Add("Objects.Person", _ => Objects.Person(Samples.Somebody()).Name);
        scenarios.Add("Objects.Address", words => Objects.Address(words.Text(0) == "null" ? null : new Address { Street = "Side", Number = 3 })?.Street);
        scenarios.Add("Objects.Node", _ => Objects.Node(Samples.Ring()).Id);
        scenarios.Add("Objects.Touchy", _ => Objects.Touchy(new Touchy()).Number);
        scenarios.Add("Objects.Customer", _ => Objects.Customer(Regular).ToString());
        scenarios.Add("Objects.Anonymous", words => Objects.Anonymous(words.Int(0, 5)).ToString());
    }

    private static void This(Scenarios scenarios)
    {
        scenarios.Add("Customer.Visit", words => Regular.Visit(words.Text(0, "home")));
        scenarios.Add("Customer.Knows", words => Regular.Knows(words.Text(0, "hunter2")));
        scenarios.Add("Customer..ctor", words => new Customer(words.Text(0, "Ada"), "secret").ToString());
        scenarios.Add("Point.Sum", words => new Point { X = words.Int(0, 3), Y = words.Int(1, 4) }.Sum());
        scenarios.Add("Point.Move", words => Moved(words.Int(0, 1), words.Int(1, 1)));
        scenarios.Add("Point..ctor", words => new Point(words.Int(0, 8), words.Int(1, 9)).X);
        scenarios.Add("Address.Country", _ => new Address().Country);
    }

    private static void Lives(Scenarios scenarios)
    {
        scenarios.Add("Base.Describe", words => new Base(2).Describe(words.Text(0, "plainly")), new Calls("Base..ctor", 1));
        scenarios.Add("Derived.Describe", words => new Derived("it").Describe(words.Text(0, "plainly")),
            new Calls("Derived..ctor", 1), new Calls("Base..ctor", 1), new Calls("Base.Describe", 1));
        scenarios.Add("Derived..ctor", words => new Derived(words.Text(0, "name")).Number, new Calls("Base..ctor", 1));
        scenarios.AddOnly("Derived.Empty", _ => new Derived("").Number, new Calls("Target.Derived..ctor", 1));
        scenarios.Add("Mortal..ctor", words => new Mortal(words.Int(0, 1)).Number(), new Calls("Mortal.Number", 1));
        scenarios.AddOnly("Mortal.Finalised", _ => Mortal.Finalised);
    }

    private static string Moved(int dx, int dy)
    {
        var point = new Point { X = 1, Y = 1 };
        point.Move(dx, dy);
        return point.ToString();
    }
}
