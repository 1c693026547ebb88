using Shop.Orders;

namespace Shop;

public readonly record struct PricedLine(decimal Price, int Quantity);

public readonly record struct Discount(string Code, decimal Percent, DateTime? ValidUntil);

/// <summary>Prices are in euro, rounded to the cent once, at the end.</summary>
public static class Pricing
{
    private static readonly CallCounts.Counter LineTotals = CallCounts.For("Shop.Pricing.LineTotal");
    private static readonly CallCounts.Counter Totals = CallCounts.For("Shop.Pricing.Total");
    private static readonly CallCounts.Counter Fees = CallCounts.For("Shop.Pricing.Fee");

    private static readonly Dictionary<string, Discount> Discounts = new(StringComparer.OrdinalIgnoreCase)
    {
        ["WELCOME10"] = new Discount("WELCOME10", 10m, null),
        ["SUMMER25"] = new Discount("SUMMER25", 25m, new DateTime(2099, 8, 31, 0, 0, 0, DateTimeKind.Utc)),
        ["EXPIRED50"] = new Discount("EXPIRED50", 50m, new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc)),
    };

    public static decimal LineTotal(decimal price, int quantity)
    {
        LineTotals.Hit();
        return price * quantity;
    }

    public static decimal Fee(OrderOptions options)
    {
        Fees.Hit();
        var fee = 0m;
        if (options.HasFlag(OrderOptions.GiftWrap))
        {
            fee += 2.50m;
        }

        return options.HasFlag(OrderOptions.Express) ? fee + 7.90m : fee;
    }

    public static decimal Total(IReadOnlyList<PricedLine> lines, Discount? discount, OrderOptions options)
    {
        Totals.Hit();
        var total = 0m;
        foreach (var line in lines)
        {
            total += LineTotal(line.Price, line.Quantity);
        }

        if (discount is { } given)
        {
            Apply(ref total, in given);
        }

        return Round(total + Fee(options));
    }

    public static void Apply(ref decimal total, in Discount discount) => total -= total * discount.Percent / 100m;

    public static bool TryGetDiscount(string? code, DateTime now, out Discount discount)
    {
        discount = default;
        return code is not null && Discounts.TryGetValue(code, out discount) && IsValid(discount, now);
    }

    private static bool IsValid(Discount discount, DateTime now) =>
        discount.ValidUntil is not { } until || now <= until;

    private static decimal Round(decimal amount) => decimal.Round(amount, 2, MidpointRounding.ToEven);
}
