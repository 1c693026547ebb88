using Microsoft.EntityFrameworkCore;
using Shop.Carts;
using Shop.Catalogue;
using Shop.Data;
using Shop.Payments;

namespace Shop.Orders;

public sealed record PlaceOrder(string Customer, string CardNumber, string? DiscountCode, OrderOptions Options);

public sealed class OutOfStockException(int productId, int wanted, int left)
    : ShopException(409, $"product {productId}: {wanted} wanted, {left} left")
{
    public int ProductId { get; } = productId;
}

public sealed class OrderService(
    IRepository<Order> orders,
    IRepository<Product> products,
    IRepository<CartItem> carts,
    IPaymentGateway payments,
    WriteLock writers,
    TimeProvider clock)
{
    private static readonly CallCounts.Counter Places = CallCounts.For("Shop.Orders.OrderService.PlaceAsync");
    private static readonly CallCounts.Counter Moves = CallCounts.For("Shop.Orders.OrderService.MoveStockAsync");

    public async Task<Order> PlaceAsync(PlaceOrder request, CancellationToken cancel)
    {
        Places.Hit();
        using var turn = await writers.EnterAsync(cancel);
        var cart = await carts.Query().Where(item => item.Customer == request.Customer).ToListAsync(cancel);
        if (cart.Count == 0)
        {
            throw new InvalidRequestException($"the cart of {request.Customer} is empty");
        }

        var order = NewOrder(request, clock.GetUtcNow().UtcDateTime);
        await AddLinesAsync(order, cart, cancel);
        order.Total = Pricing.Total(PricedLines(order.Lines), DiscountOf(request, order.PlacedAt), request.Options);
        await MoveStockAsync(order.Lines, -1, cancel);
        Settle(order, await PayAsync(order, request.CardNumber, cancel));
        orders.Add(order);
        carts.RemoveRange(cart);
        await orders.SaveAsync(cancel);
        return order;
    }

    public async Task<Order> GetAsync(int id, CancellationToken cancel) =>
        await orders.Query().AsNoTracking()
            .Include(order => order.Lines)
            .FirstOrDefaultAsync(order => order.Id == id, cancel)
        ?? throw new NotFoundException("order", id);

    public IAsyncEnumerable<Order> HistoryAsync(string customer) =>
        orders.Query().AsNoTracking()
            .Where(order => order.Customer == customer)
            .OrderByDescending(order => order.Id)
            .Take(20)
            .AsAsyncEnumerable();

    private static Order NewOrder(PlaceOrder request, DateTime at) =>
        new() { Customer = request.Customer, Options = request.Options, PlacedAt = at };

    private static void EnsureInStock(Product product, int quantity)
    {
        if (product.Stock < quantity)
        {
            throw new OutOfStockException(product.Id, quantity, product.Stock);
        }
    }

    private static void Settle(Order order, Receipt receipt)
    {
        order.Status = OrderStatus.Paid;
        order.ReceiptId = receipt.Id;
    }

    private static Discount? DiscountOf(PlaceOrder request, DateTime now) =>
        Pricing.TryGetDiscount(request.DiscountCode, now, out var discount) ? discount : null;

    private static List<PricedLine> PricedLines(List<OrderLine> lines) =>
        lines.ConvertAll(line => new PricedLine(line.Price, line.Quantity));

    private async Task<Receipt> PayAsync(Order order, string cardNumber, CancellationToken cancel)
    {
        try
        {
            return await payments.ChargeAsync(order.Customer, order.Total, cardNumber, cancel);
        }
        catch
        {
            // The customer may be gone by now; the goods go back all the same.
            await MoveStockAsync(order.Lines, +1, CancellationToken.None);
            throw;
        }
    }

    private async Task AddLinesAsync(Order order, List<CartItem> cart, CancellationToken cancel)
    {
        foreach (var item in cart)
        {
            var product = await products.FindAsync(item.ProductId, cancel)
                ?? throw new NotFoundException("product", item.ProductId);
            EnsureInStock(product, item.Quantity);
            order.Lines.Add(new OrderLine { ProductId = product.Id, Quantity = item.Quantity, Price = item.UnitPrice });
        }
    }

    /// <summary>Takes the goods of an order (-1) or puts them back (+1).</summary>
    private async Task MoveStockAsync(IEnumerable<OrderLine> lines, int sign, CancellationToken cancel)
    {
        Moves.Hit();
        foreach (var line in lines)
        {
            var change = sign * line.Quantity;
            await products.Query().Where(product => product.Id == line.ProductId)
                .ExecuteUpdateAsync(
                    set => set.SetProperty(product => product.Stock, product => product.Stock + change), cancel);
        }
    }
}
