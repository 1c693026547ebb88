using Protocol;
using Target;

namespace Driver;

internal static class MemberScenarios
{
    private static readonly Depot Store = new(100);

    public static void Register(Scenarios scenarios)
    {
        scenarios.Add("Members.Ship", words => Members.Ship(Made(words)));
        scenarios.Add("Members.Put", words => Members.Put(Filled(words)));
        scenarios.Add("Members.Fixed", words => Members.Fixed(words.Text(0) == "null" ? default : [.. Enumerable.Range(5, words.Int(0, 1))]));
        scenarios.Add("Members.MarkAsync", words => Members.MarkAsync(Straight(words.Int(0, 1)), words.Text(1) == "null" ? null : words.Int(1, 1)).Result);
        scenarios.Add("Members.Mark", words => Members.Mark(Straight(words.Int(0, 1))));
        scenarios.Add("Members.MarkBoxed", words => Members.MarkBoxed(ref Filled(words)!.Place));
        scenarios.Add("Members.Name", words => Members.Name(words.Text(0) == "null" ? null : words.Text(0, "name")));
        scenarios.Add("Members.Sum", words => Members.Sum(words.Text(0) == "null" ? null : [.. Enumerable.Range(10, words.Int(0, 3))]));
        scenarios.Add("Members.Several", words => Members.Several(words.Text(0) == "null" ? null
            : words.Text(0) == "list" ? Enumerable.Range(10, words.Int(1, 3)).ToList() : Enumerable.Range(10, words.Int(1, 3)).ToArray()));
        scenarios.Add("Members.Pieces", words => Members.Pieces(Items(words.Int(0, 2))!));
        scenarios.Add("Depot.Take", words => Store.Take(words.Int(0, 1)));
    }

    /// <summary>number city items urgency kind; or null.</summary>
    private static Parcel? Made(Words words)
    {
        if (words.Text(0) == "null")
        {
            return null;
        }

        var count = words.Int(2, 1);
        var parcel = words.Text(4) == "express" ? new Express { Stage = 3, Number = words.Int(0, 1), Items = Items(count) }
            : new Parcel { Number = words.Int(0, 1), Items = Items(count) };
        parcel.To = words.Text(1) == "nobody" ? null : new Recipient(words.Text(1) == "null" ? null : words.Text(1, "Rome"));
        parcel.Urgency = Enum.Parse<Urgency>(words.Text(3, "Normal"));
        parcel.Fragile = count == 2;
        parcel.Spare = count == 0 ? null : [new Item("spare", 0.5), null!];
        parcel.Marks = [7, count];
        var some = Math.Max(count, 0);
        parcel.Tags = Enumerable.Range(0, some + 1).ToDictionary(i => i.ToString());
        parcel.Tags.Remove("0");
        parcel.Seen = [.. Enumerable.Range(0, some)];
        parcel.Numbers.AddRange(Enumerable.Range(0, some));
        parcel.Text = new Slot<string> { Value = $"text {count}", Used = (short)count };
        parcel.Count = new Slot<long> { Value = count * 1000L, Used = (short)(count + 1) };
        parcel.Remark = count > 1 ? "several" : null;
        return parcel;
    }

    private static Line Straight(int from) =>
        new() { From = new Point(from, 1), To = new Point(from + 10, 2), Label = $"from {from}" };

    /// <summary>Number; or null. What depends on it is null where it is odd.</summary>
    private static Shelf? Filled(Words words)
    {
        if (words.Text(0) == "null")
        {
            return null;
        }

        var n = words.Int(0, 2);
        var shelf = new Shelf { Place = Straight(n), Made = Samples.Time("utc"), Pair = (n, "pair") };
        shelf.Corners.Add(new Point(n, n));
        for (var i = 0; i <= n; i++)
        {
            shelf.ByName[$"name {i}"] = i * 10;
            shelf.Items[$"item {i}"] = new Item($"item {i}", i + 0.5);
            shelf.ByNumber[i] = $"number {i}";
            shelf.Waiting.Enqueue(i);
        }

        shelf.ByName.Remove("name 0");
        shelf.ByNumber.Remove(0);
        if (n % 2 == 0)
        {
            shelf.Limit = n;
            shelf.Price = n + 0.25m;
            shelf.Seen = Samples.Time("utc");
            shelf.Urgency = n > 2 ? Urgency.High : Urgency.Low;
            shelf.Corner = new Slot<Point> { Value = new Point(n, n + 1) };
            shelf.ByUrgency = new Dictionary<Urgency, long> { [Urgency.High] = n };
        }

        return shelf;
    }

    private static List<Item>? Items(int count) =>
        count < 0 ? null : [.. Enumerable.Range(0, count).Select(i => new Item($"item {i}", i + 0.5))];
}
