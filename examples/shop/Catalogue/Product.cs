using Shop.Data;

namespace Shop.Catalogue;

public enum Category
{
    Books = 1,
    Music,
    Garden,
    Kitchen,
}

public sealed class Product : IEntity
{
    public int Id { get; set; }

    public string Sku { get; set; } = "";

    public string Name { get; set; } = "";

    public Category Category { get; set; }

    public decimal Price { get; set; }

    public int Stock { get; set; }

    public DateTime AddedAt { get; set; }

    public DateTime? DiscontinuedAt { get; set; }

    public List<string> Tags { get; set; } = [];
}
