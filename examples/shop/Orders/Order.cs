using Shop.Data;

namespace Shop.Orders;

public enum OrderStatus
{
    Placed,
    Paid,
    Declined,
    Shipped,
}

[Flags]
public enum OrderOptions : short
{
    None = 0,
    GiftWrap = 1,
    Express = 2,
    Insured = 4,
}

public sealed class Order : IEntity
{
    public int Id { get; set; }

    public string Customer { get; set; } = "";

    public OrderStatus Status { get; set; }

    public OrderOptions Options { get; set; }

    public decimal Total { get; set; }

    public DateTime PlacedAt { get; set; }

    public Guid? ReceiptId { get; set; }

    public List<OrderLine> Lines { get; set; } = [];
}

public sealed class OrderLine : IEntity
{
    public int Id { get; set; }

    public int OrderId { get; set; }

    public int ProductId { get; set; }

    public int Quantity { get; set; }

    public decimal Price { get; set; }
}
