using Shop.Catalogue;

namespace Shop.Data;

public static class Seed
{
    public const int SoldOutProduct = 13;

    private static readonly (string Name, Category Category, decimal Price)[] Goods =
    [
        ("Compilers, second-hand", Category.Books, 42.00m), ("The garden of forking paths", Category.Books, 12.90m),
        ("A grammar of dreams", Category.Books, 23.50m), ("Maps of imaginary islands", Category.Books, 31.00m),
        ("Cello suites", Category.Music, 17.95m), ("Songs for a slow train", Category.Music, 9.99m),
        ("Metronome", Category.Music, 54.00m), ("Kalimba", Category.Music, 38.75m),
        ("Watering can", Category.Garden, 21.40m), ("Tulip bulbs, 20", Category.Garden, 7.25m),
        ("Secateurs", Category.Garden, 33.30m), ("Bird table", Category.Garden, 48.00m),
        ("Meteorite paperweight", Category.Kitchen, 199.00m), ("Moka pot", Category.Kitchen, 27.80m),
        ("Bread knife", Category.Kitchen, 24.60m), ("Cast iron pan", Category.Kitchen, 65.00m),
    ];

    public static async Task ApplyAsync(ShopContext context, CancellationToken cancel)
    {
        await context.Database.EnsureCreatedAsync(cancel);
        for (var i = 0; i < Goods.Length; i++)
        {
            var (name, category, price) = Goods[i];
            context.Products.Add(new Product
            {
                Id = i + 1,
                Sku = Sku.For(category, i + 1).ToString(),
                Name = name,
                Category = category,
                Price = price,
                Stock = i + 1 == SoldOutProduct ? 0 : 10_000,
                AddedAt = new DateTime(2024, 3, 1, 8, 0, 0, DateTimeKind.Utc).AddDays(i),
                DiscontinuedAt = i + 1 == SoldOutProduct ? new DateTime(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc) : null,
                Tags = [category.ToString().ToLowerInvariant(), price < 20m ? "cheap" : "fine"],
            });
        }

        await context.SaveChangesAsync(cancel);
        context.ChangeTracker.Clear();
    }
}
