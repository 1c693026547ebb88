using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Target;

public enum Urgency : byte
{
    Low,
    Normal,
    High,
}

public abstract class Sendable
{
    public long Number { get; init; }

    protected string? Note;
}

public class Item
{
    public Item(string name, double weight)
    {
        Name = name;
        Weight = weight;
    }

    public string Name { get; }

    public double Weight { get; }
}

public class Recipient
{
    private readonly string? _city;

    public Recipient(string? city) => _city = city;

    public string Label => $"to {_city}";
}

public class Slot<T>
{
    public T? Value;
    public short Used;
}

public class Numbers : List<int>;

/// <summary>What a condition may look into.</summary>
public class Parcel : Sendable
{
    public Recipient? To { get; set; }

    public List<Item>? Items { get; init; }

    public Item[]? Spare;
    public int[] Marks = [];
    public Dictionary<string, int> Tags = [];
    public HashSet<int> Seen = [];
    public Numbers Numbers = [];
    public Slot<string>? Text;
    public Slot<long>? Count;
    public IDisposable? Handle;
    public DateTime Sent;
    internal bool Fragile;

    public Urgency Urgency { get; set; }

    public int Total => Items?.Count ?? 0;

    public string? Remark
    {
        get => Note;
        set => Note = value;
    }
}

public sealed class Express : Parcel
{
    public byte Stage;
}

/// <summary>Structs within it, and what is found by a key.</summary>
public class Shelf
{
    public Line Place;
    public int? Limit;
    public decimal? Price;
    public DateTime? Seen;
    public Urgency? Urgency;
    public DateTime Made;
    public Slot<Point>? Corner;
    public (int, string) Pair;
    public List<Point> Corners = [];
    public Dictionary<string, int> ByName = [];
    public Dictionary<string, Item> Items = [];
    public Dictionary<int, string> ByNumber = [];
    public Dictionary<Urgency, long>? ByUrgency;
    public Queue<int> Waiting = [];
}

public class Depot
{
    private int _stock;

    public Depot(int stock) => _stock = stock;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public int Take(int count) => _stock -= count;
}

public static class Members
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static long Ship(Parcel? value) => value?.Number ?? -1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Put(Shelf? value) => value?.Place.From.X ?? -1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Fixed(ImmutableArray<int> value) => value.IsDefault ? -1 : value.Length;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static async Task<int> MarkAsync(Line value, int? limit)
    {
        await Task.Yield();
        return value.To.Y + (limit ?? 0);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Mark(in Line value) => value.To.Y;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int MarkBoxed(ref Line value) => value.To.Y;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Name(string? value) => value ?? "null";

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Sum(List<int>? value) => value?.Count ?? -1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Several(IReadOnlyList<int>? value) => value?.Count ?? -1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Pieces(IList<Item> value) => value.Count;
}
