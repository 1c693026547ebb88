using Protocol;
using Target;

namespace Driver;

internal static class MemberScenarios
{
    private static readonly Depot Store = new(100);

    public static void Register(Scenarios scenarios)
    {
        scenarios.Add("Members.Ship", words => Members.Ship(Made(words)));
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

    private static List<Item>? Items(int count) =>
        count < 0 ? null : [.. Enumerable.Range(0, count).Select(i => new Item($"item {i}", i + 0.5))];
}
