using Shop.Data;

namespace Shop.Carts;

public sealed class CartItem : IEntity
{
    public int Id { get; set; }

    public string Customer { get; set; } = "";

    public int ProductId { get; set; }

    public int Quantity { get; set; }

    public decimal UnitPrice { get; set; }
}
