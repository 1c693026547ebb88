using System.Globalization;

namespace Shop.Catalogue;

/// <summary>A stock keeping unit such as <c>BOO-0042</c>.</summary>
public readonly record struct Sku(string Prefix, int Number)
{
    public static Sku For(Category category, int number) =>
        new(category.ToString()[..3].ToUpperInvariant(), number);

    public static bool TryParse(ReadOnlySpan<char> text, out Sku sku)
    {
        sku = default;
        var dash = text.IndexOf('-');
        var digits = text[(dash + 1)..];
        if (dash != 3 || !int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return false;
        }

        sku = new Sku(text[..dash].ToString(), number);
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Prefix}-{Number:D4}");
}
