namespace Late;

/// <summary>Comes into a process when it has long been running.</summary>
public static class Greeter
{
    public static string Greet(string name) => $"Hello, {name}";

    public static int Square(int value) => value * value;

    public static string Stored(string text) => Holder<string>.Store(text) + Holder<int>.Store(text.Length);
}

public static class Holder<T>
{
    private static readonly List<T> Values = [];

    public static string Store(T value)
    {
        Values.Add(value);
        return $"{typeof(T).Name} {Values.Count}";
    }
}
